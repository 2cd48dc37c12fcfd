// The grid, the cells that were filled, and the seeds, over the image.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["#ffb02e", "#4db8ff", "#5fe08a", "#ff7ad1", "#c9a6ff", "#ffe45c", "#ff8a65", "#7fe7e0"];
export const GRIDS = { "cells 5x4": [5, 4], "cells 3x3": [3, 3] };

export function colour(structures, name) {
  const number = structures.indexOf(name);
  return number < 0 ? "#ffffff" : COLOURS[number % COLOURS.length];
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The number of the cell at a position, line by line; -1 outside the image.
export function cellAt([across, down], grid, item) {
  const [columns, rows] = GRIDS[grid];
  const column = Math.floor(((across + 0.5) / item.columns) * columns);
  const row = Math.floor(((down + 0.5) / item.rows) * rows);
  return column >= 0 && column < columns && row >= 0 && row < rows ? row * columns + column : -1;
}

// fills: cell number to its filled part; strokes: [{structure, points}] of the slice shown.
export function draw(svg, { item, grid, fills, strokes, structures, current }) {
  svg.setAttribute("viewBox", `0 0 ${item.columns} ${item.rows}`);
  const parts = [];
  if (grid) {
    const [columns, rows] = GRIDS[grid];
    const [width, height] = [item.columns / columns, item.rows / rows];
    for (const [cell, part] of fills) {
      const [x, y] = [(cell % columns) * width, Math.floor(cell / columns) * height];
      const points = part < 1 ? [[x, y + height], [x + width, y], [x + width, y + height]]
        : [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
      parts.push(element("polygon", { points: points.join(" "), class: "fill", fill: colour(structures, current) }));
    }
    const lines = [
      ...Array.from({ length: columns - 1 }, (_, i) => `M${(i + 1) * width} 0V${item.rows}`),
      ...Array.from({ length: rows - 1 }, (_, i) => `M0 ${(i + 1) * height}H${item.columns}`),
    ].join("");
    parts.push(element("path", { d: lines, class: "grid under" }), element("path", { d: lines, class: "grid" }));
  }
  for (const { structure, points } of strokes) {
    const line = points.map(([x, y]) => `${x + 0.5},${y + 0.5}`);
    const shape = element("polyline", { points: [...line, line.at(-1)].join(" "), class: "seed" });
    shape.setAttribute("stroke", colour(structures, structure));
    shape.setAttribute("stroke-width", 2 * item.seed_radius);
    parts.push(shape);
  }
  svg.replaceChildren(...parts);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const key = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = parseNumber(a) - parseNumber(b);
    return Number.isNaN(difference) ? a.localeCompare(b, undefined, {numeric: true}) : difference;
  };
  table.querySelectorAll("thead th").forEach((th) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...th.childNodes);
    th.append(button);
    button.addEventListener("click", () => {
      const down = th.getAttribute("aria-sort") === "ascending", column = th.cellIndex;
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const x = key(a, column), y = key(b, column);
        return x === "" || y === "" ? compare(x, y) : compare(x, y) * (down ? -1 : 1);
      });
      table.tBodies[0].append(...rows);
      document.getElementById("sorted").textContent =
        `Sorted by ${button.textContent}, ${down ? "descending" : "ascending"}`;
    });
  });
}
function parseNumber(text) {
  const plain = text.replace("−", "-").replace("∞", "Infinity").replace("inf", "Infinity");
  return /^-?(\d|\.\d|Infinity)/.test(plain) && !/^\d+[a-z_]/i.test(plain) ? parseFloat(plain) : NaN;
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));

// The image: one slice on a canvas, with window and level, zoom, and its true aspect.

import { getGreys } from "./api.js";

const MOST = 16;  // times the fitted size

export class View {
  constructor(stage, box, canvas) {
    this.stage = stage;
    this.box = box;
    this.canvas = canvas;
    this.slices = new Map();
    new ResizeObserver(() => this.place()).observe(stage);
  }

  async open(number, item) {
    this.number = number;
    this.item = item;
    this.slices.clear();
    this.canvas.width = item.columns;
    this.canvas.height = item.rows;
    this.pixels = this.canvas.getContext("2d").createImageData(item.columns, item.rows);
    this.pixels.data.fill(255);
    this.fit();
    await this.show(item.slice ?? Math.floor(item.slices / 2));
  }

  async show(slice) {
    this.slice = slice;
    const greys = await this.#load(slice);
    if (slice !== this.slice) return;  // overtaken by the next turn of the wheel
    this.greys = greys;
    this.paint();
    for (const near of [slice - 1, slice + 1]) if (near >= 0 && near < this.item.slices) this.#load(near).catch(() => {});
  }

  #load(slice) {
    if (!this.slices.has(slice)) {
      const loading = getGreys(`items/${this.number}/slices/${slice}`);
      loading.catch(() => this.slices.delete(slice));
      this.slices.set(slice, loading);
    }
    return this.slices.get(slice);
  }

  paint() {
    if (!this.greys) return;
    const { data } = this.pixels;
    const factor = 255 / (this.white - this.black);
    for (let i = 0, at = 0; i < this.greys.length; i += 1, at += 4) {
      data[at] = data[at + 1] = data[at + 2] = (this.greys[i] - this.black) * factor;  // clamped by the array
    }
    this.canvas.getContext("2d").putImageData(this.pixels, 0, 0);
  }

  fit() {
    [this.black, this.white] = this.item.window;
    this.zoomed = 1;
    this.centre = [0.5, 0.5];
    this.place();
    this.paint();
  }

  // Right widens the window, down darkens, by screen pixels.
  dragWindow(dx, dy) {
    const [black, white] = this.item.window;
    const step = (white - black) / 300;
    const width = Math.max(this.white - this.black + dx * step, step);
    const level = (this.white + this.black) / 2 + dy * step;
    [this.black, this.white] = [level - width / 2, level + width / 2];
    this.paint();
  }

  // Zooms around a point of the window (clientX, clientY); without one, around the middle.
  zoom(factor, x, y) {
    const frame = this.stage.getBoundingClientRect();
    const [fx, fy] = [x ?? frame.left + frame.width / 2, y ?? frame.top + frame.height / 2];
    const before = this.#share(fx, fy);
    this.zoomed = Math.min(Math.max(this.zoomed * factor, 1), MOST);
    this.place();
    const after = this.#share(fx, fy);
    this.centre = this.centre.map((c, axis) => c + before[axis] - after[axis]);
    this.place();
  }

  move(dx, dy) {
    const { width, height } = this.box.getBoundingClientRect();
    this.centre = [this.centre[0] - dx / width, this.centre[1] - dy / height];
    this.place();
  }

  // Screen position to (across, down) in pixels of the image, whole numbers at pixel centres.
  position(x, y) {
    const [across, down] = this.#share(x, y);
    return [across * this.item.columns - 0.5, down * this.item.rows - 0.5];
  }

  #share(x, y) {
    const frame = this.box.getBoundingClientRect();
    return [(x - frame.left) / frame.width, (y - frame.top) / frame.height];
  }

  place() {
    if (!this.item) return;
    const { clientWidth: wide, clientHeight: high } = this.stage;
    const width = this.item.columns * this.item.pixel_mm[0];
    const height = this.item.rows * this.item.pixel_mm[1];
    const scale = Math.min(wide / width, high / height) * this.zoomed;
    const reach = 0.5 / this.zoomed;  // the image may not be pushed out of sight
    this.centre = this.centre.map((c) => Math.min(Math.max(c, Math.min(reach, 0.5)), Math.max(1 - reach, 0.5)));
    Object.assign(this.box.style, {
      width: `${width * scale}px`,
      height: `${height * scale}px`,
      left: `${wide / 2 - this.centre[0] * width * scale}px`,
      top: `${high / 2 - this.centre[1] * height * scale}px`,
    });
  }
}

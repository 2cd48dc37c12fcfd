// Time on one question, while the page can be seen.

export class Clock {
  #seconds = 0;
  #since = null;
  #running = false;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#halt();
      else if (this.#running) this.#since = performance.now();
    });
  }

  start(seconds = 0) {
    this.#seconds = seconds;
    this.#running = true;
    this.#since = document.hidden ? null : performance.now();
  }

  // Stops, and returns the seconds.
  stop() {
    this.#halt();
    this.#running = false;
    return this.#seconds;
  }

  #halt() {
    if (this.#since !== null) this.#seconds += (performance.now() - this.#since) / 1000;
    this.#since = null;
  }
}

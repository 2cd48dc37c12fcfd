// Mouse, pen and fingers on the image, as what they mean.

const STILL = 4;  // screen pixels that a click may wander

// does: {click(x, y, half), stroke(x, y, begins), strokeEnd(), window(dx, dy), move(dx, dy), zoom(factor, x, y),
//        slices(steps), drawing()}
export function listen(stage, does) {
  const fingers = new Map();
  let drag = null;

  const middle = () => {
    const [a, b] = [...fingers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button, input")) return;
    event.preventDefault();
    document.activeElement?.blur();
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) {
      if (drag?.kind === "stroke") does.strokeEnd(true);
      drag = { kind: "pinch", ...middle() };
      return;
    }
    const kind = event.button === 1 ? "move" : event.button === 2 ? "window" : does.drawing() ? "stroke" : "press";
    drag = { kind, x: event.clientX, y: event.clientY };
    if (kind === "stroke") does.stroke(event.clientX, event.clientY, true);
  });

  stage.addEventListener("pointermove", (event) => {
    if (!drag || !fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (drag.kind === "pinch") {
      if (fingers.size < 2) return;
      const now = middle();
      does.zoom(now.apart / drag.apart, now.x, now.y);
      does.move(now.x - drag.x, now.y - drag.y);
      drag = { kind: "pinch", ...now };
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (drag.kind === "press" && Math.hypot(dx, dy) <= STILL) return;
    if (drag.kind === "press") drag.kind = "window";
    if (drag.kind === "stroke") does.stroke(event.clientX, event.clientY, false);
    else does[drag.kind](dx, dy);
    [drag.x, drag.y] = [event.clientX, event.clientY];
  });

  const end = (event) => {
    fingers.delete(event.pointerId);
    if (!drag) return;
    if (drag.kind === "press" && event.type === "pointerup") does.click(event.clientX, event.clientY, event.shiftKey);
    if (drag.kind === "stroke") does.strokeEnd(event.type !== "pointerup");
    if (drag.kind !== "pinch" || !fingers.size) drag = null;
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) does.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX, event.clientY);
    else if (event.deltaY) does.slices(Math.sign(event.deltaY));
  }, { passive: false });
}

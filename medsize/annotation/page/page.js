// The page: who answers, what is asked, and what becomes of every key and click.

import { Refused, get, newId, post } from "./api.js";
import { Clock } from "./clock.js";
import { GRIDS, cellAt, colour, draw } from "./overlay.js";
import { listen } from "./pointer.js";
import { readSize, writeNumber, writeSize } from "./size_text.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const UNITS = { "cells 5x4": "cells of 5 × 4", "cells 3x3": "cells of 3 × 3", percent: "% of the image", ml: "mL" };
const SHORT = { "cells 5x4": "5 × 4", "cells 3x3": "3 × 3", percent: "%", ml: "mL" };
const WHOLE = { "cells 5x4": 20, "cells 3x3": 9, percent: 100 };

const clock = new Clock();
const view = new View($("stage"), $("box"), $("canvas"));
let session;
let rater;
let item;  // what is looked at
let drafts;  // structure to what was entered so far
let current;  // the structure asked for
let brush;  // the structure whose seeds are drawn
let unit;
let grid;
let tool = "count";
let trail = [];  // the images before this one, for Back
let busy = false;
let stroke = null;
let goOn = null;  // what Enter does while feedback is read
let finished = false;

// --- beginning

async function begin() {
  session = await get("session");
  unit = session.level === "volume" ? "ml" : "cells 5x4";
  grid = session.level === "volume" ? null : unit;
  const known = sessionStorage.getItem("rater");
  if (known) {
    await enter(known);
    return;
  }
  $("welcome-text").textContent = `${session.practice ? "Practice: after each answer you see the measured size. " : ""}`
    + `You will see ${session.items} ${session.level === "volume" ? "scans" : "slices"}, in random order, `
    + `and say how big ${new Intl.ListFormat("en").format(session.structures)} ${session.structures.length > 1 ? "are" : "is"}. `
    + "A rough size will do.";
  $("raters").replaceChildren(...session.raters.map((name) => button(`Go on as ${name}`, () => enter(name))));
  $("welcome").hidden = false;
  $("name").focus();
}

async function enter(name) {
  try {
    const progress = await get("progress", { rater: name });
    rater = name;
    sessionStorage.setItem("rater", name);
    $("welcome").hidden = true;
    $("desk").hidden = false;
    await advance(progress);
  } catch (error) {
    sessionStorage.removeItem("rater");
    $("welcome").hidden = false;
    $("welcome-error").textContent = error.message;
  }
}

// --- one image after the other

async function advance(progress) {
  count(progress);
  if (progress.next === null) await finish();
  else await attempt(progress.next);
}

// An image that cannot be shown is passed over; it stays among those to do.
async function attempt(number) {
  goOn = null;
  try {
    await open(number);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    offer([paragraph(error.message)], () => pass(number), "error");
  }
}

async function pass(number) {
  try {
    await advance(await get("progress", { rater, after: number }));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    offer([paragraph(error.message)], () => pass(number), "error");
  }
}

// Says something that waits for Enter.
function offer(parts, next, kind) {
  goOn = next;
  current = null;
  $("question").hidden = true;
  const made = button("Go on ", () => goOn?.());
  made.className = "primary";
  made.append(key("Enter"));
  say([...parts, made], kind);
}

function count({ done }) {
  $("who").textContent = session.practice ? `${rater} · practice` : rater;
  $("count").textContent = `${done} of ${session.items} done`;
  $("progress").max = session.items;
  $("progress").value = done;
}

async function open(number) {
  const shown = await get(`items/${number}`, { rater });
  clock.stop();
  current = null;
  $("question").setAttribute("aria-busy", true);
  item = { ...shown, number };
  drafts = Object.fromEntries(session.structures.map((name) => [name, draftOf(shown.answers[name])]));
  finished = false;
  say("");
  $("slider").max = shown.slices - 1;
  $("slider").hidden = shown.slices < 2;
  await view.open(number, item);
  const open = session.structures.find((name) => !shown.answers[name]) ?? session.structures[0];
  ask(open);
  warm(number).catch(() => {});
}

// Has the server read the next image while this one is looked at.
async function warm(number) {
  const { next } = await get("progress", { rater, after: number });
  if (next !== null && next !== number) await get(`items/${next}`, { rater });
}

function draftOf(answer) {
  const draft = { text: "", note: "", fills: new Map(), strokes: [], undo: [], seconds: 0, saved: null };
  if (!answer) return draft;
  if (session.level === "slice") [unit, grid] = [answer.unit, GRIDS[answer.unit] ? answer.unit : null];
  return { ...draft, text: writeSize(answer), note: answer.note, strokes: answer.seeds, saved: writeSize(answer) || "?" };
}

function ask(name) {
  if (current && drafts[current]) drafts[current].seconds = clock.stop();
  current = brush = name;
  clock.start(drafts[name].seconds);
  $("note").value = drafts[name].note;
  refresh();
  $("question").hidden = false;
  $("question").setAttribute("aria-busy", false);
}

async function finish() {
  clock.stop();
  finished = true;
  current = null;
  $("question").hidden = true;
  $("structures").replaceChildren();
  if (session.practice) {
    say(summaryOf(await get("practice", { rater })));
    return;
  }
  const lines = [`All ${session.items} are answered. Thank you, ${rater}.`, "The table and the seed files come from"];
  say([...lines.map(paragraph), code(`medsize sizes from-annotations ${session.folder} -o sizes.csv --seeds seeds`)]);
}

// --- saving

function answerNow(withSize) {
  const draft = drafts[current];
  const size = withSize ? readSize(draft.text) : { value: null, low: null, high: null };
  if (!size) {
    const why = draft.text.trim() ? `“${draft.text}” is no size.` : "No size yet: type one or click cells.";
    say(`${why} If you cannot tell, press n.`, "error");
    return null;
  }
  return { rater, item: item.number, structure: current, ...size, unit, note: $("note").value, seeds: draft.strokes };
}

async function save(withSize) {
  if (busy || finished || !current) return;
  const answer = answerNow(withSize);
  if (!answer) return;
  const draft = drafts[current];
  busy = true;
  // The same answer sent again, after no reply came, must keep its id and so be kept once.
  const content = JSON.stringify(answer);
  if (draft.sent?.content !== content) draft.sent = { content, id: newId(), seconds: clock.stop() };
  say("Saving …");
  $("question").setAttribute("aria-busy", true);
  try {
    const reply = await post("answers", { ...answer, id: draft.sent.id, seconds: draft.sent.seconds });
    clock.stop();
    draft.saved = withSize ? draft.text : "?";
    draft.seconds = 0;
    draft.sent = null;
    count(reply);
    const next = () => follow(reply);
    if (reply.feedback) offer(feedbackOf(reply.feedback, answer), next, "told");
    else await next();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    clock.start(draft.sent?.seconds ?? 0);
    $("question").setAttribute("aria-busy", false);
    say(`Not saved. ${error.message} Press Enter to try again.`, "error");
  } finally {
    busy = false;
  }
}

// After an answer: the next structure of this image, or the next image.
async function follow(reply) {
  goOn = null;
  say("");
  const open = session.structures.find((name) => drafts[name].saved === null);
  current = null;
  if (open) {
    ask(open);
    return;
  }
  trail.push(item.number);
  await advance(reply);
}

async function back() {
  if (busy || !trail.length) return;
  await attempt(trail.pop());
}

// --- what was entered

function remember() {
  const { text, fills, strokes } = drafts[current];
  const copy = new Map([...fills].map(([slice, cells]) => [slice, new Map(cells)]));
  drafts[current].undo.push({ text, fills: copy, strokes: [...strokes] });
}

function undo() {
  if (!current) return;
  Object.assign(drafts[current], drafts[current].undo.pop() ?? {});
  refresh();
}

function type(text) {
  drafts[current].text = text;
  drafts[current].fills = new Map();
  say("");
  refresh();
}

function fill(x, y, half) {
  if (!current || elsewhere()) return;
  if (!grid) {
    say("Press g for a grid to count in.");
    return;
  }
  const cell = cellAt(view.position(x, y), grid, item);
  if (cell < 0) return;
  remember();
  const draft = drafts[current];
  const cells = draft.fills.get(view.slice) ?? new Map();
  const part = half ? 0.5 : 1;
  if (cells.get(cell) === part) cells.delete(cell);
  else cells.set(cell, part);
  draft.fills.set(view.slice, cells);
  const sum = [...draft.fills.values()].flatMap((parts) => [...parts.values()]).reduce((a, b) => a + b, 0);
  const cellMl = (item.columns * item.rows * item.voxel_ml) / WHOLE[grid];
  draft.text = writeNumber(unit === "ml" ? sum * cellMl : sum);
  say("");
  refresh();
}

function drawSeed(x, y, begins) {
  if (!current || elsewhere()) return;
  const [across, down] = view.position(x, y);
  const inside = across >= -0.5 && down >= -0.5 && across <= item.columns - 0.5 && down <= item.rows - 0.5;
  if (!inside) return;
  if (begins || !stroke) {
    remember();
    stroke = { structure: brush, slice: view.slice, points: [] };
    drafts[current].strokes = [...drafts[current].strokes, stroke];
  }
  stroke.points.push([across, down]);
  refresh();
}

function setUnit(next) {
  if (current && next !== unit && drafts[current].fills.size) type("");
  unit = next;
  grid = GRIDS[next] ? next : null;
  refresh();
}

function nextGrid() {
  if (session.level === "volume") {
    const kinds = ["cells 5x4", "cells 3x3", null];
    grid = kinds[(kinds.indexOf(grid) + 1) % kinds.length];
    if (current && drafts[current].fills.size) type("");
    refresh();
  } else {
    const kinds = ["cells 5x4", "cells 3x3", "percent"];
    setUnit(kinds[(kinds.indexOf(unit) + 1) % kinds.length]);
  }
}

const elsewhere = () => item.slice !== null && view.slice !== item.slice;

async function step(slices) {
  const next = Math.min(Math.max(view.slice + slices, 0), item.slices - 1);
  if (next !== view.slice) await show(next);
}

async function show(slice) {
  const showing = view.show(slice);
  refresh();
  await showing.catch((error) => say(error.message, "error"));
}

// --- what is seen

function refresh() {
  const draft = current ? drafts[current] : null;
  draw($("overlay"), {
    item,
    grid: elsewhere() ? null : grid,
    fills: draft?.fills.get(view.slice) ?? new Map(),
    strokes: Object.values(drafts).flatMap((one) => one.strokes).filter((one) => one.slice === view.slice),
    structures: session.structures,
    current,
  });
  $("stage").classList.toggle("drawing", tool === "seed");
  press($("tool-count"), tool === "count");
  press($("tool-seed"), tool === "seed");
  press($("grid"), grid !== null);
  $("slider").value = view.slice;
  $("where").textContent = `${item.case} · slice ${view.slice + 1} of ${item.slices}`;
  $("elsewhere").hidden = !elsewhere();
  $("elsewhere").textContent = `Only to look at. Back to slice ${item.slice + 1}`;
  $("structures").replaceChildren(...session.structures.map(tab));
  if (!draft) return;
  $("asked").textContent = `How big is ${current} ${session.level === "volume" ? "in this scan" : "on this slice"}?`;
  if ($("size").value !== draft.text) $("size").value = draft.text;
  $("unit").textContent = UNITS[unit];
  $("readout").textContent = readout(readSize(draft.text));
  const units = session.level === "volume" ? ["ml"] : Object.keys(WHOLE);
  $("units").hidden = units.length < 2;
  $("units").replaceChildren(...units.map((name) => pressed(SHORT[name], name === unit, () => setUnit(name))));
  const brushes = [current, session.background];
  $("brushes").replaceChildren(...brushes.map((name) => {
    const made = pressed(name, name === brush && tool === "seed", () => { [brush, tool] = [name, "seed"]; refresh(); });
    made.prepend(dot(name));
    return made;
  }));
  $("drawn").textContent = draft.strokes.length || "none";
  $("undo").disabled = !draft.undo.length;
  $("back").disabled = !trail.length;
}

function readout(size) {
  if (!size) return " ";
  if (size.value === 0) return "absent";
  const sizes = size.value === null ? [size.low, size.high] : [size.value];
  const plane = item.columns * item.rows;
  if (unit === "ml") {
    const whole = plane * item.slices * item.voxel_ml;
    return `${sizes.map((n) => writeNumber((n / whole) * 100, 3)).join(" – ")} % of the scan’s ${writeNumber(whole, 3)} mL`;
  }
  const area = (plane * item.pixel_mm[0] * item.pixel_mm[1]) / 100;
  const shares = sizes.map((n) => n / WHOLE[unit]);
  const list = (factor) => shares.map((n) => writeNumber(n * factor, 3)).join(" – ");
  return `${list(100)} % of the image, ${list(area)} cm²`;
}

function tab(name) {
  const { saved } = drafts[name];
  const made = pressed(name, name === current, () => { goOn = null; ask(name); });
  made.setAttribute("role", "tab");
  made.setAttribute("aria-selected", name === current);
  made.prepend(dot(name));
  if (saved !== null) made.append(" ✓");
  return made;
}

function feedbackOf({ truth, said, error }, answer) {
  const size = (number) => `${writeNumber(number)} ${UNITS[answer.unit]}`;
  const off = Math.abs((error ?? 0) * 100).toFixed(0);
  const lines = [`Measured: ${truth ? size(truth) : "absent"}.`, `You said: ${said === null ? "nothing" : size(said)}.`];
  if (error !== null) lines.push(off === "0" ? "Right on it." : `${off} % too ${error < 0 ? "small" : "large"}.`);
  return lines.map(paragraph);
}

function summaryOf({ structures, all, seconds, images }) {
  const table = document.createElement("table");
  const percent = (number) => (number === null ? "–" : `${(number * 100).toFixed(1)} %`);
  const rows = [["", "mean relative error", "sizes"], ...Object.entries(structures), ["all", all]];
  for (const [name, score, sizes] of rows) {
    const cells = typeof score === "string" ? [name, score, sizes] : [name, percent(score.mre), score.answers];
    const row = table.insertRow();
    for (const text of cells) row.insertCell().textContent = text;
  }
  const speed = seconds === null ? "" : `${seconds.toFixed(1)} s an image, over ${images} images.`;
  const people = "For comparison, people counting cats, dogs and birds in photos: 12–20 % at 9–15 s an image.";
  return [paragraph("That was the practice."), table, paragraph(speed), paragraph(people)];
}

function say(what, kind = "") {
  $("message").className = kind;
  const parts = Array.isArray(what) ? what : what ? [paragraph(what)] : [];
  $("message").replaceChildren(...parts);
}

function paragraph(text) {
  return Object.assign(document.createElement("p"), { textContent: text });
}

function code(text) {
  return Object.assign(document.createElement("code"), { textContent: text });
}

function key(text) {
  return Object.assign(document.createElement("kbd"), { textContent: text });
}

function dot(name) {
  const made = document.createElement("i");
  made.className = "dot";
  made.style.background = colour(session.structures, name);
  return made;
}

function button(text, does) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.addEventListener("click", does);
  return made;
}

function pressed(text, is, does) {
  const made = button(text, does);
  press(made, is);
  return made;
}

function press(made, is) {
  made.setAttribute("aria-pressed", is);
}

// --- keys, clicks

const KEYS = {
  Enter: () => (goOn ? goOn() : save(true)),
  n: () => (goOn ? goOn() : save(false)),
  p: back,
  u: undo,
  g: nextGrid,
  c: () => { tool = "count"; refresh(); },
  s: () => { [tool, brush] = ["seed", current]; refresh(); },
  b: () => { [brush, tool] = [brush === session.background ? current : session.background, "seed"]; refresh(); },
  z: () => view.zoom(1.25),
  x: () => view.zoom(1 / 1.25),
  f: () => view.fit(),
  ArrowUp: () => step(1),
  ArrowRight: () => step(1),
  ArrowDown: () => step(-1),
  ArrowLeft: () => step(-1),
  Backspace: () => current && type(drafts[current].text.slice(0, -1)),
};

document.addEventListener("keydown", (event) => {
  if ($("desk").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!item && !(goOn && event.key === "Enter")) return;
  const field = event.target.closest("input:not([type=range])");
  if (event.key === "Escape") field?.blur();
  if (field?.id === "note" && event.key !== "Enter") return;
  const edits = ["Backspace", "ArrowLeft", "ArrowRight"];
  if (field && edits.includes(event.key)) return;
  if (event.key === "Enter" && event.target.closest("button, summary")) return;
  const does = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (does) {
    event.preventDefault();
    does();
  } else if (!field && current && /^[0-9.,/ -]$/.test(event.key) && !event.target.closest("button, summary")) {
    event.preventDefault();
    type(drafts[current].text + event.key);
  }
});

listen($("stage"), {
  drawing: () => tool === "seed",
  click: fill,
  stroke: drawSeed,
  strokeEnd: (cancelled) => { if (cancelled && stroke) undo(); stroke = null; },
  window: (dx, dy) => view.dragWindow(dx, dy),
  move: (dx, dy) => view.move(dx, dy),
  zoom: (factor, x, y) => view.zoom(factor, x, y),
  slices: (steps) => step(steps),
});

$("welcome").addEventListener("submit", (event) => {
  event.preventDefault();
  enter($("name").value);
});
$("size").addEventListener("input", () => type($("size").value));
$("note").addEventListener("input", () => { if (current) drafts[current].note = $("note").value; });
$("slider").addEventListener("input", () => show(Number($("slider").value)));
$("elsewhere").addEventListener("click", () => show(item.slice));
$("leave").addEventListener("click", () => { sessionStorage.removeItem("rater"); location.reload(); });
const buttons = { save: "Enter", skip: "n", back: "p", undo: "u", grid: "g", fit: "f", "tool-count": "c", "tool-seed": "s" };
for (const [id, name] of Object.entries(buttons)) $(id).addEventListener("click", () => item && KEYS[name]());
// After a click on a button, keys mean what they mean everywhere: digits type, Enter saves.
document.addEventListener("click", (event) => event.target.closest("#desk button")?.blur());

begin().catch((error) => { document.body.prepend(Object.assign(paragraph(error.message), { className: "card error" })); });
if (matchMedia("(min-width: 761px)").matches) $("help").open = true;

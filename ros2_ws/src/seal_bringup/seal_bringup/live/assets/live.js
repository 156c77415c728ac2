// SPDX-License-Identifier: Apache-2.0
// What comes from the server, into the page. States are a stream; large parts are fetched one after another, each in
// its newest version when the one before has been shown: a slow browser skips, it never lags.
var PALETTE = [];  // of viewer.js
const $ = (id) => document.getElementById(id);
const above = new TopDown($("above").querySelector("canvas"));
let state = null, space = null, voxels = null, series = { way: [], figures: [] }, heardAt = -Infinity, answer = { until: 0 };
const lost = () => performance.now() - heardAt > 3000;

const number = (value, digits = 0) => Number(value).toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, value >= 1e4 ? "\u202f" : "");
function figure(id, text, unit = "") {
  const small = document.createElement("small");
  small.textContent = unit;
  $(id).replaceChildren(text, ...(unit ? [small] : []));
}
const clock = (s) => (s < 60 ? `${Math.round(s)} s` : `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`);

// Fetches a part again and again, whenever the state names a newer version and the pause is over.
class Part {
  constructor(name, pause, use) { Object.assign(this, { name, pause, use, version: 0, busy: false }); }
  async look() {
    const newest = state?.parts[this.name] ?? 0;
    if (this.busy || newest === this.version || !newest) return;
    this.busy = true;
    try {
      const reply = await fetch(`/part/${this.name}`);
      if (reply.ok) {
        await this.use(reply);
        this.version = Number(reply.headers.get("X-Version"));
      }
    } catch (problem) {
      console.warn(this.name, problem);
    }
    setTimeout(() => { this.busy = false; this.look(); }, this.pause);
  }
}

let shownUrl = "";
async function showPicture(reply) {
  const url = URL.createObjectURL(await reply.blob()), image = $("sight").querySelector("img"), about = state.picture;
  image.src = url;
  await image.decode();
  image.hidden = false;
  $("sight").querySelector(".empty").hidden = true;
  URL.revokeObjectURL(shownUrl);
  shownUrl = url;
  showBoxes(about);
}

function showBoxes(about) {
  const svg = $("sight").querySelector("svg"), make = (name, values) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values)) element.setAttribute(key, value);
    return element;
  };
  svg.setAttribute("viewBox", `0 0 ${about.width} ${about.height}`);
  const size = about.height / 20, colours = Object.fromEntries(state.categories);
  svg.replaceChildren(...about.boxes.flatMap(([x0, y0, x1, y1, name, score]) => {
    const colour = colours[name] ?? "#888888", words = `${name} ${score.toFixed(2)}`;
    const wide = words.length * size * 0.5 + size * 0.5, top = Math.max(y0, size * 1.25) - size * 1.25;
    const left = Math.max(0, Math.min(x0, about.width - wide)), text = make("text", { x: left + size * 0.3, y: top + size * 0.93 });
    text.textContent = words;
    text.style.fontSize = `${size * 0.85}px`;
    return [make("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, stroke: colour }),
      make("rect", { class: "tab", x: left, y: top, width: wide, height: size * 1.25, fill: colour }), text];
  }));
  for (const tab of svg.querySelectorAll(".tab")) tab.style.fill = tab.getAttribute("fill");
}

async function showVoxels(reply) {
  const pack = await reply.json();
  voxels = await unpackVoxels(pack);
  if (!voxels.n) return;
  above.setThings(pack, voxels, PALETTE);
  const box = $("space"), canvas = box.querySelector("canvas");
  if (space) space.update(pack, voxels);
  else {
    canvas.hidden = false;
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: true });
    box.querySelector(".empty").textContent = gl ? "" : "This browser has no WebGL 2: the 3D map needs it.";
    canvas.hidden = !gl;
    if (!gl) return;
    space = new VoxelView(box, gl, pack, voxels);
    box.querySelector(".controls").hidden = false;
  }
  markWay();
  markRobot();
}

function markWay() { space?.mark("way", ribbon(series.way), [0.04, 0.48, 0.46], [0.11, 0.55, 0.52]); }
function markRobot() {
  if (!space || !state?.robot) return;
  const [x, y, yaw] = state.robot, corner = (d, a) => [x + d * Math.cos(yaw + a), y + d * Math.sin(yaw + a), 0.14];
  const [nose, left, back, right] = [corner(0.34, 0), corner(0.28, 2.45), corner(0.12, Math.PI), corner(0.28, -2.45)];
  space.mark("robot", [...nose, ...left, ...back, ...nose, ...back, ...right], [0.02, 0.30, 0.29], [0.31, 0.78, 0.74]);
  space.mark("plan", ribbon(state.plan ?? [], 0.02), [0.11, 0.13, 0.15], [0.91, 0.93, 0.93]);
  const ring = [...Array(25).keys()].map((i) => [state.goal?.[0] + 0.16 * Math.cos(i * Math.PI / 12), state.goal?.[1] + 0.16 * Math.sin(i * Math.PI / 12)]);
  space.mark("goal", state.goal ? ribbon(ring, 0.03, 0.12) : [], [0.75, 0.11, 0.16], [0.88, 0.26, 0.31]);
}

function showSeries() {
  above.way = series.way;
  above.ask();
  markWay();
  const rows = series.figures, plot = $("growth").querySelector(".plot"), svg = plot.querySelector("svg");
  if (rows.length < 2) return;
  const t0 = rows[0][0], t1 = rows.at(-1)[0], most = Math.max(...rows.map((row) => row[1]), 1);
  const power = 10 ** Math.floor(Math.log10(most / 3)), step = Math.max(1, [1, 2, 5, 10].map((k) => k * power).find((s) => s * 3.5 >= most));
  const high = Math.ceil(most / step) * step, x = (t) => 100 * (t - t0) / Math.max(1e-9, t1 - t0), y = (v) => 100 - 100 * v / high;
  const points = rows.map((row) => `${x(row[0]).toFixed(2)},${y(row[1]).toFixed(2)}`).join(" ");
  const make = (name, values) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values)) element.setAttribute(key, value);
    return element;
  };
  const ticks = [...Array(Math.round(high / step) + 1).keys()].map((i) => i * step);
  svg.replaceChildren(...ticks.map((v) => make("line", { class: "grid", x1: 0, x2: 100, y1: y(v), y2: y(v) })),
    make("polygon", { points: `0,100 ${points} 100,100` }), make("polyline", { points }));
  plot.querySelector(".y-ticks").replaceChildren(...ticks.map((v) => {
    const label = document.createElement("span");
    label.textContent = number(v);
    label.style.bottom = `${100 * v / high}%`;
    return label;
  }));
  $("growth").querySelector(".x-ticks").replaceChildren(...[0, (t1 - t0) / 2, t1 - t0].map((t) => {
    const label = document.createElement("span");
    label.textContent = clock(t);
    return label;
  }));
}

const parts = [
  new Part("camera", 60, showPicture),
  new Part("grid", 300, async (reply) => { await above.setGrid(await reply.json()); $("above").querySelector(".empty").hidden = true; }),
  new Part("voxels", 1000, showVoxels),
  new Part("series", 1000, async (reply) => { series = await reply.json(); showSeries(); }),
];

function showLegend() {
  const names = JSON.stringify(state.categories);
  if (showLegend.names === names) return;
  if (space) { location.reload(); return; }  // another list of categories: another map
  showLegend.names = names;
  PALETTE = state.categories.map(([, colour]) => colour);
  $("legend").replaceChildren(...state.categories.slice(0, 24).map(([name, colour], i) => {
    const button = document.createElement("button"), swatch = document.createElement("i"), count = document.createElement("b");
    button.dataset.category = i;
    button.setAttribute("aria-pressed", "true");
    swatch.className = "swatch";
    swatch.style.background = colour;
    button.append(swatch, `${name} `, count);
    return button;
  }));
}

function showGate() {
  const gates = state.gates ?? [], box = $("gate"), known = state.enabled !== undefined, gone = lost();
  showGate.heard ||= known || gates.length > 0;
  const without = !showGate.heard && !state.hint && !!state.parts.series;  // a run without a gate
  const search = state.search?.category || state.search?.level ? [{ name: "object goal", text: state.search.text }] : [];
  const line = ({ name, text }) => {
    const row = document.createElement("span"), head = document.createElement("b");
    head.textContent = name.split(": ").at(-1);
    row.append(head, text);
    return row;
  };
  const rows = gates.map(line);
  let level = gates.length ? Math.max(...gates.map((gate) => gate.level)) : known ? (state.enabled ? 0 : 1) : "none";
  if (state.hint || (showGate.heard && !known)) level = level === "none" ? 1 : Math.max(level, 1);
  const plain = document.createElement("span");
  if (gone) plain.textContent = "The connection is lost: whether the robot drives is not known here.";
  else if (state.hint) plain.textContent = state.hint;
  else if (known && !rows.length) plain.textContent = state.enabled ? "It may drive." : "It stands: press Start to let it drive.";
  else if (showGate.heard && !known) plain.textContent = `${rows.length ? "Nobody tells" : "The gate is silent:"} whether the robot may drive${rows.length ? "" : " is not known"}.`;
  else if (!rows.length) plain.textContent = !without ? "Waiting for the run." : state.steps ? "This run goes in steps: nobody has to permit them." : "No gate is heard: this page can neither start nor stop this run.";
  const answered = performance.now() < answer.until;
  const parts = [...(answered ? [answer.row] : []), ...(gone ? [] : rows), ...(plain.textContent ? [plain] : []), ...(gone ? [] : search.map(line))], words = parts.map((row) => row.textContent).join("\n");
  if (showGate.words !== words) box.replaceChildren(...parts);
  showGate.words = words;
  box.dataset.level = answered && answer.bad ? 2 : gone ? "none" : level;
  $("start").disabled = !state.buttons || !known || gone || (state.enabled && level === 0);
  $("stop").disabled = !state.buttons || without;
}

// What the robot looks for; there where somebody hears it. A choice shows at once, then what the run says.
function showFind() {
  const box = $("find"), select = box.querySelector("select"), names = JSON.stringify(state.categories);
  box.hidden = state.search === undefined;
  select.disabled = !state.buttons || lost();
  if (box.hidden) return;
  if (showFind.names !== names) {
    showFind.names = names;
    select.replaceChildren(new Option("nothing: explore", ""), ...state.categories.map(([name]) => new Option(name, name)));
  }
  if (performance.now() > (showFind.until ?? 0) && document.activeElement !== select) select.value = state.search.category;
}
async function find(category) {
  showFind.until = performance.now() + 2000;
  try {
    const reply = await fetch(`/object_goal?category=${encodeURIComponent(category)}`, { method: "POST", signal: AbortSignal.timeout(WAIT_MS) }), answer = await reply.json();
    say(answer.done ? "answer" : "refused", answer.text, !answer.done);
  } catch (problem) {
    say("no answer", "The server does not answer: whether the robot looks for it is not known.", true);
  }
}

function note(id, name, text) {
  const age = state.ages[name], late = age > 5;
  $(`${id}-note`).textContent = age === undefined ? "" : late ? `${clock(age)} old` : text;
  $(`${id}-note`).classList.toggle("late", late);
  $(id).classList.toggle("stale", late);
}

function show() {
  const figures = state.figures ?? {};
  document.title = state.who === "/" ? "SEAL live" : `${state.who} · SEAL live`;
  $("who").hidden = state.who === "/";
  $("who").replaceChildren(Object.assign(document.createElement("span"), { textContent: state.who }));
  if (state.figures) {
    figure("confident", number(figures.confident_voxels ?? 0));
    figure("explored", number(figures.explored_area_m2 ?? 0, 1), "m²");
    figure("frames", number(figures.frames ?? 0), figures.frames_dropped ? `${number(figures.frames_dropped)} dropped` : "");
    figure("late", number(figures.scores_late_s ?? 0, 1), "s");
  }
  showLegend();
  showGate();
  showFind();
  Object.assign(above, { robot: state.robot ?? null, goal: state.goal ?? null, plan: state.plan ?? [] });
  above.ask();
  if (state.robot) $("above").querySelector(".empty").hidden = true;
  if (String([state.robot, state.goal, state.plan]) !== show.place) { show.place = String([state.robot, state.goal, state.plan]); markRobot(); }
  note("sight", "camera", state.picture ? (state.picture.overlay ? `${state.picture.boxes.length} seen` : "no detections drawn yet") : "");
  note("above", "robot", state.robot ? `x ${state.robot[0].toFixed(2)}  y ${state.robot[1].toFixed(2)} m` : "");
  note("growth", "figures", clock(figures.seconds ?? 0));
  if (state.picture && parts[0].version === state.parts.camera && !$("sight").querySelector("img").hidden) showBoxes(state.picture);
  for (const part of parts) part.look();
}

function connected(yes, text) {
  $("link").classList.toggle("lost", !yes);
  $("link").firstElementChild.textContent = text;
}

// A browser keeps six connections to a server, of all its tabs: one that nobody sees leaves them to the others.
let events = null;
function listen() {
  events?.close();
  if (document.hidden) return;
  events = new EventSource("/events");
  events.addEventListener("message", (event) => {
    state = JSON.parse(event.data);
    heardAt = performance.now();
    connected(true, "connected");
    show();
  });
}
document.addEventListener("visibilitychange", listen);
listen();
setInterval(() => {
  if (!lost()) return;
  connected(false, state ? "connection lost" : "no connection");
  if (state) showGate();
}, 500);

const WAIT_MS = 4500;  // the server answers within 3 s
let presses = 0;
async function act(what) {
  const press = ++presses, stop = what === "stop", to = stop ? what : `${what}?at=${state?.now}`;
  const tell = (...words) => { if (press === presses) say(...words); };  // of the newest press
  say(what, stop ? "asking the robot to stop ..." : "asking for permission to drive ...", false, WAIT_MS + 1000);
  try {
    const reply = await fetch(`/explore/${to}`, { method: "POST", signal: AbortSignal.timeout(WAIT_MS) }), answer = await reply.json();
    tell(answer.done ? "answer" : "refused", answer.text, !answer.done);
  } catch (problem) {
    const late = problem.name === "TimeoutError";
    if (stop) tell("no answer", late ? "No answer came to the stop: the robot may still drive. Stop it by hand." : "The stop was NOT sent: stop the robot by hand.", true, 60000);
    else tell("no answer", late ? "No answer came to the start: the robot may drive all the same. Press Stop." : "The server does not answer.", true);
  }
}
function say(title, text, bad, ms = 6000) {  // for some seconds before what the gate says
  const row = document.createElement("span"), head = document.createElement("b");
  head.textContent = title;
  row.append(head, text);
  answer = { row, bad, until: performance.now() + ms };
  if (state) showGate();
  else $("gate").replaceChildren(row);
}
$("start").addEventListener("click", () => act("enable"));
$("find").querySelector("select").addEventListener("change", (event) => { event.target.blur(); find(event.target.value); });
$("stop").addEventListener("click", () => act("stop"));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.repeat) act("stop"); });

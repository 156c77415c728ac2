// SPDX-License-Identifier: Apache-2.0
// A small voxel viewer on WebGL 2: exposed faces as quads, corner shadows from neighbours, orbit camera.
// Where WebGL 2 or DecompressionStream is absent the picture stays.
const VOXEL_SHADER = `#version 300 es
precision highp float; precision highp int;
layout(location=0) in uvec4 face;   // x, y, z, direction * 256 + corner shadows
layout(location=1) in vec4 tint;    // r, g, b, openness
layout(location=2) in uvec2 tag;    // label, score
uniform mat4 view; uniform vec3 palette[80]; uniform int mode; uniform uint threshold, hidden[3]; uniform float floorZ;
out vec3 colour;
void main() {
  int corner = gl_VertexID & 3, s = corner & 1, t = corner >> 1;
  int dir = int(face.w >> 8), axis = dir >> 1, positive = dir & 1;
  vec3 p = vec3(face.xyz);
  p[axis] += float(positive); p[(axis + 1) % 3] += float(s); p[(axis + 2) % 3] += float(t);
  float shadow = float((face.w >> uint(2 * corner)) & 3u);
  float light = 1.0 - 0.15 * shadow + 0.01 * shadow * shadow;
  float lamp = axis == 2 ? (positive == 1 ? 1.04 : 0.6) : axis == 1 ? (positive == 1 ? 0.9 : 0.76) : (positive == 1 ? 0.8 : 0.88);
  bool named = tag.x < 80u && tag.y >= threshold && ((hidden[tag.x >> 5u] >> (tag.x & 31u)) & 1u) == 0u;
  vec3 grey = float(face.z) < floorZ ? vec3(0.902, 0.890, 0.867) : vec3(0.788, 0.800, 0.820);
  vec3 base = mode == 1 ? tint.rgb : named ? palette[tag.x] : grey;
  colour = base * light * lamp * (0.74 + 0.26 * tint.a);
  gl_Position = view * vec4(p, 1.0);
}`;
const LINE_SHADER = `#version 300 es
layout(location=0) in vec3 point; uniform mat4 view; uniform vec3 ink, origin; uniform float voxel; out vec3 colour;
void main() { colour = ink; gl_Position = view * vec4((point - origin) / voxel, 1.0); }`;
const PAINT_SHADER = `#version 300 es
precision mediump float; in vec3 colour; out vec4 pixel; void main() { pixel = vec4(colour, 1.0); }`;

async function unpackVoxels(pack) {
  const zipped = Uint8Array.from(atob(pack.data), (c) => c.charCodeAt(0));
  const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const n = pack.count, plane = (i) => bytes.subarray(i * n, (i + 1) * n);
  const [, Y, Z] = pack.shape, cells = new Uint16Array(3 * n);
  let linear = 0;
  for (let i = 0; i < n; i += 1) {
    linear += bytes[i] + bytes[n + i] * 256 + bytes[2 * n + i] * 65536 + bytes[3 * n + i] * 16777216;
    cells[3 * i] = Math.floor(linear / (Y * Z));
    cells[3 * i + 1] = Math.floor(linear / Z) % Y;
    cells[3 * i + 2] = linear % Z;
  }
  return { n, cells, r: plane(4), g: plane(5), b: plane(6), label: plane(7), score: plane(8), shade: plane(9) };
}

// Four alike vertices per face (the shader moves them to its corners; instances would be slow on software GL) of
// 16 bytes: x, y, z, direction and corner shadows (u16 each); r, g, b, openness, label, score (u8 each).
function exposedFaces(voxels, pack, cut, threshold) {
  const [X, Y, Z] = pack.shape, sy = Z + 2, sx = (Y + 2) * sy;
  const taken = new Uint8Array((X + 2) * sx), shown = new Uint8Array(voxels.n), at = new Uint32Array(voxels.n);
  for (let i = 0; i < voxels.n; i += 1) {
    const z = voxels.cells[3 * i + 2];
    at[i] = (voxels.cells[3 * i] + 1) * sx + (voxels.cells[3 * i + 1] + 1) * sy + z + 1;
    const named = voxels.label[i] < 80 && voxels.score[i] >= threshold;
    shown[i] = named || pack.origin[2] + (z + 0.5) * pack.voxel <= cut ? 1 : 0;
    taken[at[i]] = shown[i];
  }
  const step = [sx, sy, 1];
  let count = 0;
  for (let i = 0; i < voxels.n; i += 1) {
    if (!shown[i]) continue;
    for (let d = 0; d < 6; d += 1) count += taken[at[i] + (d & 1 ? step[d >> 1] : -step[d >> 1])] ? 0 : 1;
  }
  const buffer = new ArrayBuffer(64 * count), wide = new Uint16Array(buffer), bytes = new Uint8Array(buffer);
  let k = 0;
  for (let i = 0; i < voxels.n; i += 1) {
    if (!shown[i]) continue;
    for (let d = 0; d < 6; d += 1) {
      const axis = d >> 1, front = at[i] + (d & 1 ? step[axis] : -step[axis]);
      if (taken[front]) continue;
      const u = step[(axis + 1) % 3], v = step[(axis + 2) % 3];
      let shadows = 0;
      for (let c = 0; c < 4; c += 1) {
        const du = c & 1 ? u : -u, dv = c >> 1 ? v : -v, a = taken[front + du], b = taken[front + dv];
        shadows |= (a && b ? 3 : a + b + taken[front + du + dv]) << (2 * c);
      }
      const w = 32 * k, q = 64 * k;
      wide[w] = voxels.cells[3 * i]; wide[w + 1] = voxels.cells[3 * i + 1]; wide[w + 2] = voxels.cells[3 * i + 2];
      wide[w + 3] = d * 256 + shadows;
      bytes[q + 8] = voxels.r[i]; bytes[q + 9] = voxels.g[i]; bytes[q + 10] = voxels.b[i]; bytes[q + 11] = voxels.shade[i];
      bytes[q + 12] = voxels.label[i]; bytes[q + 13] = voxels.score[i];
      bytes.copyWithin(q + 16, q, q + 16);
      bytes.copyWithin(q + 32, q, q + 32);
      k += 1;
    }
  }
  const corners = new Uint32Array(6 * count);
  for (let i = 0; i < count; i += 1) [0, 1, 2, 2, 1, 3].forEach((corner, j) => { corners[6 * i + j] = 4 * i + corner; });
  return { buffer, corners, count };
}

// A path [[x, y], ...] as a flat ribbon just above the floor: triangles in metres.
function ribbon(path, half = 0.035, z = 0.1) {
  const out = [];
  for (let i = 0; i + 1 < path.length; i += 1) {
    const [a, b] = [path[i], path[i + 1]], dx = b[0] - a[0], dy = b[1] - a[1], long = Math.hypot(dx, dy);
    if (long < 1e-6) continue;
    const nx = -dy / long * half, ny = dx / long * half, ex = dx / long * half, ey = dy / long * half;
    const p = [a[0] - ex, a[1] - ey], q = [b[0] + ex, b[1] + ey];
    const c = [[p[0] + nx, p[1] + ny, z], [p[0] - nx, p[1] - ny, z], [q[0] + nx, q[1] + ny, z], [q[0] - nx, q[1] - ny, z]];
    out.push(...c[0], ...c[1], ...c[2], ...c[2], ...c[1], ...c[3]);
  }
  return out;
}

function viewMatrix(camera, aspect) {
  const { azimuth, elevation, distance, target } = camera;
  const ce = Math.cos(elevation), se = Math.sin(elevation), ca = Math.cos(azimuth), sa = Math.sin(azimuth);
  const towards = [ce * ca, ce * sa, se], right = [-sa, ca, 0], up = [-se * ca, -se * sa, ce];
  const eye = target.map((value, i) => value + towards[i] * distance);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const f = 1 / Math.tan(0.5 * 0.61), near = distance * 0.05 + 0.1, far = distance * 4 + 400;
  const fx = aspect >= 1 ? f / aspect : f, fy = aspect >= 1 ? f : f * aspect;
  const depth = (far + near) / (near - far), shift = 2 * far * near / (near - far);
  const out = new Float32Array(16);
  for (let i = 0; i < 3; i += 1) {
    out[4 * i] = fx * right[i]; out[4 * i + 1] = fy * up[i];
    out[4 * i + 2] = depth * towards[i]; out[4 * i + 3] = -towards[i];
  }
  out[12] = -fx * dot(right, eye); out[13] = -fy * dot(up, eye);
  out[14] = -depth * dot(towards, eye) + shift; out[15] = dot(towards, eye);
  return { matrix: out, right, up };
}

function glProgram(gl, vertex) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, PAINT_SHADER]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "no WebGL");
  return program;
}

class VoxelView {
  constructor(figure, gl, pack, voxels) {
    Object.assign(this, { figure, gl, pack, voxels, mode: pack.mode === "rgb" ? 1 : 0, hidden: new Uint32Array(3), threshold: pack.confident, waiting: false });
    this.canvas = gl.canvas;
    this.cut = Math.min(pack.cut ?? 1.1, this.top());
    this.program = glProgram(gl, VOXEL_SHADER);
    this.lineProgram = glProgram(gl, LINE_SHADER);
    this.faces = gl.createBuffer();
    this.marks = new Map();
    this.array = gl.createVertexArray();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.faces);
    gl.vertexAttribIPointer(0, 4, gl.UNSIGNED_SHORT, 16, 0);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 16, 8);
    gl.vertexAttribIPointer(2, 2, gl.UNSIGNED_BYTE, 16, 12);
    for (const place of [0, 1, 2]) gl.enableVertexAttribArray(place);
    this.corners = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.corners);
    if (pack.path.length) this.mark("way", ribbon(pack.path), [0.04, 0.48, 0.46], [0.11, 0.55, 0.52]);
    this.palette = new Float32Array(240);
    PALETTE.forEach((hex, i) => [1, 3, 5].forEach((j, c) => { this.palette[3 * i + c] = parseInt(hex.slice(j, j + 2), 16) / 255; }));
    this.home();
    this.rebuild();
    this.listen();
    new ResizeObserver(() => this.ask()).observe(this.canvas);
  }

  top() { return this.pack.origin[2] + this.pack.shape[2] * this.pack.voxel; }

  // Triangles in metres, three numbers a corner, in a colour on light and one on dark; none removes the mark.
  mark(name, triangles, light, dark) {
    const gl = this.gl, mark = this.marks.get(name) ?? { array: gl.createVertexArray(), buffer: gl.createBuffer() };
    this.marks.set(name, Object.assign(mark, { light, dark, count: triangles.length / 3 }));
    gl.bindVertexArray(mark.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, mark.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(triangles), gl.DYNAMIC_DRAW);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
    gl.enableVertexAttribArray(0);
    this.ask();
  }

  // A newer state of the map: a camera that somebody moved stays where it is over the floor.
  update(pack, voxels) {
    const shift = pack.origin.map((metres, i) => (this.pack.origin[i] - metres) / pack.voxel);
    Object.assign(this, { pack, voxels });
    if (this.moved) this.camera.target = this.camera.target.map((cell, i) => cell + shift[i]);
    else this.home();
    this.limit();
    this.ask(true);
  }

  home() {
    this.moved = false;
    const [X, Y, Z] = this.pack.shape, aspect = Math.max(1, this.canvas.clientWidth / this.canvas.clientHeight || 1);
    const back = 1.36 * Math.max(1, 1.4 / aspect);
    this.camera = { azimuth: -Math.PI / 3, elevation: 0.98, distance: back * Math.hypot(X, Y, Math.min(Z, 30)),
      target: [X / 2, Y / 2, Math.min(Z, 20) / 4] };
  }

  rebuild() {
    const built = exposedFaces(this.voxels, this.pack, this.cut, this.threshold), gl = this.gl;
    this.count = built.count;
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.faces);
    gl.bufferData(gl.ARRAY_BUFFER, built.buffer, gl.STATIC_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, built.corners, gl.STATIC_DRAW);
    const counts = new Array(80).fill(0);
    for (let i = 0; i < this.voxels.n; i += 1) if (this.voxels.label[i] < 80 && this.voxels.score[i] >= this.threshold) counts[this.voxels.label[i]] += 1;
    for (const button of this.figure.querySelectorAll("[data-category]")) {
      button.querySelector("b").textContent = counts[Number(button.dataset.category)].toLocaleString("en").replaceAll(",", "\u202f");
    }
    this.ask();
  }

  ask(stale) {
    this.stale = this.stale || stale;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (this.stale) { this.stale = false; this.rebuild(); }
      this.draw();
    });
  }

  draw() {
    const { gl, canvas } = this, ratio = Math.min(2, window.devicePixelRatio || 1);
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const { matrix } = viewMatrix(this.camera, width / height), dark = matchMedia("(prefers-color-scheme: dark)").matches;
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.enable(gl.DEPTH_TEST);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const at = (program, name) => gl.getUniformLocation(program, name);
    gl.useProgram(this.program);
    gl.uniformMatrix4fv(at(this.program, "view"), false, matrix);
    gl.uniform3fv(at(this.program, "palette"), this.palette);
    gl.uniform1i(at(this.program, "mode"), this.mode);
    gl.uniform1ui(at(this.program, "threshold"), this.threshold);
    gl.uniform1uiv(at(this.program, "hidden"), this.hidden);
    gl.uniform1f(at(this.program, "floorZ"), (0.1 - this.pack.origin[2]) / this.pack.voxel - 0.5);
    gl.bindVertexArray(this.array);
    gl.drawElements(gl.TRIANGLES, 6 * this.count, gl.UNSIGNED_INT, 0);
    gl.useProgram(this.lineProgram);
    gl.uniformMatrix4fv(at(this.lineProgram, "view"), false, matrix);
    gl.uniform3fv(at(this.lineProgram, "origin"), this.pack.origin);
    gl.uniform1f(at(this.lineProgram, "voxel"), this.pack.voxel);
    for (const mark of this.marks.values()) {
      if (!mark.count) continue;
      gl.uniform3fv(at(this.lineProgram, "ink"), dark ? mark.dark : mark.light);
      gl.bindVertexArray(mark.array);
      gl.drawArrays(gl.TRIANGLES, 0, mark.count);
    }
  }

  turn(dx, dy) {
    this.moved = true;
    this.camera.azimuth -= dx * 0.0065;
    this.camera.elevation = Math.min(1.565, Math.max(0.05, this.camera.elevation + dy * 0.0065));
  }

  zoom(factor) { this.moved = true; this.camera.distance = Math.min(4000, Math.max(6, this.camera.distance * factor)); }

  move(dx, dy) {
    this.moved = true;
    const { right, up } = viewMatrix(this.camera, 1), k = this.camera.distance * 0.61 / this.canvas.clientHeight;
    for (let i = 0; i < 3; i += 1) this.camera.target[i] += (-dx * right[i] + dy * up[i]) * k;
  }

  // The slider of the cut reaches to the top of the map.
  limit() { this.figure.querySelector('[data-range="cut"]').max = (Math.ceil(this.top() * 20) / 20).toFixed(2); }

  listen() {
    const { canvas, figure } = this, fingers = new Map();
    const spread = () => { const [a, b] = [...fingers.values()]; return [Math.hypot(a.x - b.x, a.y - b.y), (a.x + b.x) / 2, (a.y + b.y) / 2]; };
    canvas.style.touchAction = "none";
    canvas.addEventListener("pointerdown", (e) => { canvas.setPointerCapture(e.pointerId); fingers.set(e.pointerId, { x: e.clientX, y: e.clientY }); });
    canvas.addEventListener("pointermove", (e) => {
      const old = fingers.get(e.pointerId);
      if (!old) return;
      const before = fingers.size === 2 ? spread() : null;
      fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
      if (before) {
        const after = spread();
        this.zoom(before[0] / Math.max(1, after[0]));
        this.move(after[1] - before[1], after[2] - before[2]);
      } else if (e.shiftKey || e.buttons === 2) this.move(e.clientX - old.x, e.clientY - old.y);
      else this.turn(e.clientX - old.x, e.clientY - old.y);
      this.ask();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => fingers.delete(e.pointerId));
    canvas.addEventListener("contextmenu", (e) => e.preventDefault());
    canvas.addEventListener("dblclick", () => { this.home(); this.ask(); });
    canvas.addEventListener("wheel", (e) => {  // the page keeps its scroll until the map was clicked
      if (document.activeElement !== canvas && !e.ctrlKey) return;
      e.preventDefault();
      this.zoom(Math.exp(e.deltaY * 0.0012));
      this.ask();
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const keys = { ArrowLeft: [24, 0], ArrowRight: [-24, 0], ArrowUp: [0, 18], ArrowDown: [0, -18] };
      if (keys[e.key]) this.turn(...keys[e.key]);
      else if (e.key === "+" || e.key === "=") this.zoom(0.87);
      else if (e.key === "-") this.zoom(1.15);
      else return;
      e.preventDefault();
      this.ask();
    });
    for (const button of figure.querySelectorAll("[data-mode]")) button.addEventListener("click", () => {
      this.mode = button.dataset.mode === "rgb" ? 1 : 0;
      for (const other of figure.querySelectorAll("[data-mode]")) other.setAttribute("aria-pressed", String(other === button));
      this.ask();
    });
    for (const button of figure.querySelectorAll("[data-category]")) button.addEventListener("click", () => {
      const category = Number(button.dataset.category);
      this.hidden[category >> 5] ^= 1 << (category & 31);
      button.setAttribute("aria-pressed", String(!(this.hidden[category >> 5] >> (category & 31) & 1)));
      this.ask();
    });
    figure.querySelector("[data-reset]").addEventListener("click", () => { this.home(); this.ask(); });
    const cut = figure.querySelector('[data-range="cut"]'), score = figure.querySelector('[data-range="score"]');
    this.limit();
    cut.value = this.cut;
    score.value = this.threshold;
    const say = () => {
      figure.querySelector("[data-cut]").textContent = `${Number(cut.value).toFixed(2)} m`;
      figure.querySelector("[data-score]").textContent = (Number(score.value) / 255).toFixed(2);
    };
    cut.addEventListener("input", () => { this.cut = Number(cut.value); say(); this.ask(true); });
    score.addEventListener("input", () => { this.threshold = Number(score.value); say(); this.ask(true); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.ask());
    say();
  }
}

function setUpViewer(figure) {
  const start = figure.querySelector(".start"), canvas = figure.querySelector("canvas");
  if (typeof DecompressionStream === "undefined") return;
  const run = async () => {
    start.hidden = true;
    try {
      const gl = canvas.getContext("webgl2", { antialias: true, alpha: true });
      if (!gl) return;
      const pack = JSON.parse(figure.querySelector("script").textContent);
      const voxels = await unpackVoxels(pack);
      canvas.hidden = false;
      new VoxelView(figure, gl, pack, voxels);
      figure.querySelector(".stage img").hidden = true;
      figure.querySelector(".controls").hidden = false;
    } catch (problem) {
      console.error(problem);
      canvas.hidden = true;
    }
  };
  if (matchMedia("(pointer: coarse)").matches) {  // on a phone the map would swallow the scroll: wait for a tap
    start.hidden = false;
    start.addEventListener("click", run);
  } else run();
}

// SPDX-License-Identifier: Apache-2.0
// The map from above on a canvas: known cells, labelled things, the way, the path, the goal, the robot. Metres, y up.
async function inflated(text) {
  const zipped = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

class TopDown {
  constructor(canvas) {
    Object.assign(this, { canvas, grid: null, things: null, way: [], plan: [], goal: null, robot: null, waiting: false });
    new ResizeObserver(() => this.ask()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.paint(); this.ask(); });
  }

  colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  async setGrid(value) {
    this.grid = { ...value, bytes: await inflated(value.data) };
    this.paint();
    this.ask();
  }

  // Labelled columns of the voxel map, in the colours of their categories.
  setThings(pack, voxels, palette) {
    const [X, Y] = pack.shape, top = new Int16Array(X * Y).fill(-1), picture = new ImageData(Math.max(1, X), Math.max(1, Y));
    for (let i = 0; i < voxels.n; i += 1) {
      if (voxels.label[i] >= palette.length || voxels.score[i] < pack.confident) continue;
      const x = voxels.cells[3 * i], y = voxels.cells[3 * i + 1], z = voxels.cells[3 * i + 2], at = (Y - 1 - y) * X + x;
      if (z <= top[at]) continue;
      top[at] = z;
      const hex = palette[voxels.label[i]];
      [1, 3, 5].forEach((j, c) => { picture.data[4 * at + c] = parseInt(hex.slice(j, j + 2), 16); });
      picture.data[4 * at + 3] = 255;
    }
    this.things = { image: this.image(picture), origin: pack.origin, width: X * pack.voxel, height: Y * pack.voxel };
    this.ask();
  }

  image(picture) {
    const image = document.createElement("canvas");
    image.width = picture.width;
    image.height = picture.height;
    image.getContext("2d").putImageData(picture, 0, 0);
    return image;
  }

  paint() {  // the grid as a picture, again when the colours change
    if (!this.grid) return;
    const { width, height, bytes } = this.grid, picture = new ImageData(width, height);
    const inks = [null, this.colour("--floor"), this.colour("--wall")].map((hex) => hex && [1, 3, 5].map((j) => parseInt(hex.slice(j, j + 2), 16)));
    for (let i = 0; i < bytes.length; i += 1) {
      const ink = inks[bytes[i]];
      if (!ink) continue;
      const at = 4 * ((height - 1 - Math.floor(i / width)) * width + i % width);
      picture.data.set([...ink, 255], at);
    }
    this.grid.image = this.image(picture);
  }

  ask() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  // Where metres fall on the canvas: all that is known, and the robot, fit into it.
  fit(width, height) {
    const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    const see = (x, y) => { low[0] = Math.min(low[0], x); low[1] = Math.min(low[1], y); high[0] = Math.max(high[0], x); high[1] = Math.max(high[1], y); };
    if (this.grid) {
      const { origin: [x, y], cell } = this.grid;
      see(x, y);
      see(x + this.grid.width * cell, y + this.grid.height * cell);
    }
    if (this.robot) { see(this.robot[0] - 1, this.robot[1] - 1); see(this.robot[0] + 1, this.robot[1] + 1); }
    if (this.goal) see(...this.goal);
    for (const place of this.plan) see(...place);
    const margin = 0.3, k = Math.min(width / (high[0] - low[0] + 2 * margin), height / (high[1] - low[1] + 2 * margin));
    const cx = (low[0] + high[0]) / 2, cy = (low[1] + high[1]) / 2;
    return { k, x: (x) => width / 2 + (x - cx) * k, y: (y) => height / 2 - (y - cy) * k };
  }

  draw() {
    const { canvas } = this, ratio = Math.min(2, window.devicePixelRatio || 1), ink = canvas.getContext("2d");
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (!this.grid && !this.robot) return;
    ink.scale(ratio, ratio);
    ink.imageSmoothingEnabled = false;
    ink.lineJoin = ink.lineCap = "round";
    const at = this.fit(width, height);
    for (const layer of [this.grid && { image: this.grid.image, origin: this.grid.origin, width: this.grid.width * this.grid.cell, height: this.grid.height * this.grid.cell }, this.things]) {
      if (layer) ink.drawImage(layer.image, at.x(layer.origin[0]), at.y(layer.origin[1] + layer.height), layer.width * at.k, layer.height * at.k);
    }
    const accent = this.colour("--accent"), paper = this.colour("--paper");
    const line = (points, colour, wide, dash = []) => {
      if (points.length < 2) return;
      ink.beginPath();
      points.forEach(([x, y], i) => (i ? ink.lineTo(at.x(x), at.y(y)) : ink.moveTo(at.x(x), at.y(y))));
      Object.assign(ink, { strokeStyle: colour, lineWidth: wide });
      ink.setLineDash(dash);
      ink.stroke();
      ink.setLineDash([]);
    };
    line(this.way, accent, 2.5);
    line(this.plan, this.colour("--ink"), 2, [5, 5]);
    if (this.goal) {
      ink.beginPath();
      ink.arc(at.x(this.goal[0]), at.y(this.goal[1]), 7, 0, 2 * Math.PI);
      Object.assign(ink, { strokeStyle: this.colour("--stop"), fillStyle: paper, lineWidth: 3 });
      ink.fill();
      ink.stroke();
    }
    if (this.robot) this.drawRobot(ink, at, accent, paper);
    this.drawBar(ink, at, height);
  }

  drawRobot(ink, at, accent, paper) {
    const [x, y, yaw] = this.robot, size = Math.max(9, 0.2 * at.k);
    ink.save();
    ink.translate(at.x(x), at.y(y));
    ink.rotate(-yaw);
    ink.beginPath();
    for (const [d, a] of [[1.25, 0], [1.05, 2.45], [0.45, Math.PI], [1.05, -2.45]]) ink.lineTo(d * size * Math.cos(a), d * size * Math.sin(a));
    ink.closePath();
    Object.assign(ink, { fillStyle: accent, strokeStyle: paper, lineWidth: 2 });
    ink.fill();
    ink.stroke();
    ink.restore();
  }

  drawBar(ink, at, height) {
    Object.assign(ink, { strokeStyle: this.colour("--soft"), fillStyle: this.colour("--soft"), lineWidth: 2, font: "12px system-ui, sans-serif", textBaseline: "middle" });
    ink.beginPath();
    ink.moveTo(12, height - 14);
    ink.lineTo(12 + at.k, height - 14);
    ink.stroke();
    ink.fillText("1 m", 18 + at.k, height - 14);
  }
}

// SPDX-License-Identifier: Apache-2.0
// Tabs, curves under the pointer, pictures enlarged. The page reads without any of it.
(() => {
  const tabs = [...document.querySelectorAll(".tabs button")];
  const show = (tab) => {
    for (const other of tabs) {
      other.setAttribute("aria-selected", String(other === tab));
      document.getElementById(`home-${other.dataset.home}`).hidden = other !== tab;
    }
  };
  for (const tab of tabs) tab.addEventListener("click", () => show(tab));
  if (tabs.length) show(tabs[0]);

  for (const figure of document.querySelectorAll(".curve")) {
    const { x, y, unit, decimals } = JSON.parse(figure.dataset.series);
    const plot = figure.querySelector(".plot"), output = figure.querySelector("output");
    const cursor = figure.querySelector(".cursor"), last = output.innerHTML;
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const at = x[0] + (x[x.length - 1] - x[0]) * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      let i = 0;
      while (i + 1 < x.length && Math.abs(x[i + 1] - at) <= Math.abs(x[i] - at)) i += 1;
      cursor.style.display = "block";
      cursor.style.left = `${100 * (x[i] - x[0]) / (x[x.length - 1] - x[0])}%`;
      const note = document.createElement("small");
      note.textContent = ` ${unit} at step ${x[i]}`;
      const text = y[i].toFixed(decimals);
      output.replaceChildren(y[i] >= 10000 ? text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f") : text, note);
    });
    plot.addEventListener("pointerleave", () => {
      cursor.style.display = "none";
      output.innerHTML = last;
    });
  }

  const zoom = document.getElementById("zoom");
  for (const place of document.querySelectorAll(".sample img, .topdown img, .marked")) {
    const picture = place.querySelector("img") ?? place;  // over a marked picture lie its marks
    place.addEventListener("click", () => {
      zoom.firstElementChild.src = picture.src;
      zoom.firstElementChild.alt = picture.alt;
      zoom.showModal();
    });
  }
  zoom.addEventListener("click", () => zoom.close());

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      setUpViewer(entry.target);
    }
  }, { rootMargin: "300px" });
  for (const figure of document.querySelectorAll("[data-viewer]")) seen.observe(figure);
})();

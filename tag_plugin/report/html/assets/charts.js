// Reading values off a line chart under the pointer.

function startCharts() {
  for (const figure of document.querySelectorAll("[data-chart]")) readable(figure, JSON.parse(figure.dataset.chart));
}

function readable(figure, data) {
  const svg = figure.querySelector("svg");
  const cursor = svg.querySelector(".cursor");
  const readout = figure.querySelector(".readout");
  const steps = [...new Set(data.curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
  const values = data.curves.map((curve) => new Map(curve.x.map((x, index) => [x, curve.y[index]])));
  const across = (x) => data.left + ((x - data.low) / (data.high - data.low)) * (data.right - data.left);
  svg.addEventListener("pointermove", (event) => {
    const bounds = svg.getBoundingClientRect();
    const at = ((event.clientX - bounds.left) / bounds.width) * svg.viewBox.baseVal.width;
    const nearest = steps.reduce((best, x) => (Math.abs(across(x) - at) < Math.abs(across(best) - at) ? x : best));
    const shown = data.curves
      .map((curve, index) => [curve.name, values[index].get(nearest)])
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
    cursor.setAttribute("x1", across(nearest));
    cursor.setAttribute("x2", across(nearest));
    readout.textContent = `${data.xName} ${nearest}: ${shown.join(" · ")}`;
    figure.classList.add("reading");
  });
  svg.addEventListener("pointerleave", () => {
    figure.classList.remove("reading");
    readout.textContent = "";
  });
}

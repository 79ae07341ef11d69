// Starts what the page has.

let gallery = null;

function startGallery() {
  gallery = block("gallery");
  if (!gallery) return;
  const form = document.getElementById("filters");
  const open = startViewer();
  let found = [];
  const refresh = () => {
    found = chosen();
    showCounts(form);
    drawGrid(found, (at) => open(found, at));
  };
  const turn = (by) => {
    state.page += by;
    drawGrid(found, (at) => open(found, at));
    document.getElementById("gallery-section").scrollIntoView();
    document.querySelector("#grid .card")?.focus({ preventScroll: true });
  };
  document.getElementById("previous-page").addEventListener("click", () => turn(-1));
  document.getElementById("next-page").addEventListener("click", () => turn(1));
  startFilters(form, refresh);
  startJumps(form, refresh);
  refresh();
}

/** A cell of a confusion matrix leads to its samples. */
function startJumps(form, refresh) {
  for (const cell of document.querySelectorAll("[data-jump]")) {
    cell.addEventListener("click", () => {
      Object.assign(state, { group: "", gold: "", answer: "", au: "", compare: "", page: 0 }, JSON.parse(cell.dataset.jump));
      for (const name of ["run", "task", "gold", "answer", "au", "compare"]) {
        if (form.elements[name]) form.elements[name].value = state[name];
      }
      form.querySelector('[name="group"][value=""]').checked = true;
      refresh();
      document.getElementById("gallery-section").scrollIntoView();
      document.querySelector("#grid .card")?.focus({ preventScroll: true });
    });
  }
}

startTheme();
startCharts();
startGallery();

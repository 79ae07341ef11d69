// One page of cards.

const PAGE_SIZE = 48;

/** Draws the state's page; `open` is called with a place in the list of the chosen. */
function drawGrid(found, open) {
  const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
  state.page = Math.min(state.page, pages - 1);
  const start = state.page * PAGE_SIZE;
  const cards = found.slice(start, start + PAGE_SIZE).map((index, offset) => make("li", {}, card(index, () => open(start + offset))));
  document.getElementById("grid").replaceChildren(...cards);
  document.getElementById("count").textContent = `${found.length} of ${gallery.id.length} samples`;
  document.getElementById("page-number").textContent = `page ${state.page + 1} of ${pages}`;
  document.getElementById("previous-page").disabled = state.page === 0;
  document.getElementById("next-page").disabled = state.page + 1 >= pages;
  document.querySelector(".pager").hidden = pages === 1;
}

function card(index, open) {
  const { prediction, score } = gallery.runs[state.run];
  const value = score[index] === null ? "–" : score[index].toFixed(2);
  const step = gallery.step[index] === null ? "" : `step ${gallery.step[index]} · `;
  const button = make(
    "button",
    { type: "button", className: "card" },
    faceOf(state.run, index),
    make(
      "span",
      { className: "words" },
      make("span", { className: "labels" }, ...verdictOf(state.run, index)),
      make("span", { className: "small" }, make("span", {}, `${step}${gallery.id[index]}`), make("span", { title: gallery.scoreName }, value)),
    ),
  );
  button.addEventListener("click", open);
  return button;
}

/** Label and answer, right or wrong, in words and not in colour alone. */
function verdictOf(run, index) {
  const said = gallery.runs[run].prediction[index];
  if (!gallery.labels[gallery.gold[index]]) return [];
  if (isRight(run, index)) return [make("span", { className: "right" }, `✓ ${labelOf(said)}`)];
  return [make("span", { className: "wrong" }, `✗ ${labelOf(said)}`), make("span", { className: "muted" }, `is ${labelOf(gallery.gold[index])}`)];
}

// One pair after the other: two answers about one face, and which of them is the better one.

const study = block("study");
const answers = {};
let current = 0;

const KEYS = { 1: "left", 2: "right", 0: "tie" };

function startRating() {
  recall();
  for (const button of document.querySelectorAll("[data-side]")) button.addEventListener("click", () => choose(button.dataset.side));
  document.getElementById("back").addEventListener("click", () => show(current - 1));
  document.getElementById("skip").addEventListener("click", () => show(current + 1));
  document.getElementById("save").addEventListener("click", save);
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (KEYS[event.key]) choose(KEYS[event.key]);
  });
  const open = Array.from({ length: study.count }, (_, number) => number).find((number) => !(number in answers));
  show(open ?? study.count);
}

function choose(side) {
  if (current >= study.count) return;
  answers[current] = side;
  remember();
  show(current + 1);
}

function show(number) {
  current = Math.min(Math.max(number, 0), study.count);
  const done = current === study.count;
  document.getElementById("pair").hidden = done;
  document.getElementById("finished").hidden = !done;
  document.getElementById("back").disabled = current === 0;
  document.getElementById("skip").disabled = done;
  document.getElementById("progress").textContent = `${Object.keys(answers).length} of ${study.count} answered${done ? "" : `, this is number ${current + 1}`}`;
  document.getElementById("bar").value = Object.keys(answers).length;
  for (const button of document.querySelectorAll("[data-side]")) {
    button.disabled = done;
    button.setAttribute("aria-pressed", String(answers[current] === button.dataset.side));
  }
  if (!done) document.getElementById("pair").replaceChildren(...block(`pair-${current}`).sides.map(panelOf));
  window.scrollTo(0, 0);
}

function panelOf({ text, boxes }, number) {
  const face = makeSvg("svg", { viewBox: "0 0 1000 1000", class: "face", role: "img", "aria-label": `The face with ${boxes.length} boxes of answer ${number + 1}: ${boxes.map(([au]) => auName(au)).join(", ") || "none"}` });
  face.append(pictureNode(block(`pair-${current}`).face));
  boxes.forEach(([au, box], index) => face.append(mark("said", `box-${index}`, au, box)));
  const lines = text.split("\n").map((line, at) => {
    const keys = boxes.flatMap(([, , place], index) => (place === at ? [`box-${index}`] : []));
    return keys.length ? make("button", { type: "button", "data-key": keys.join(" ") }, line) : make("p", {}, line);
  });
  const words = make("div", { className: "trace", role: "group", "aria-label": `Answer ${number + 1}` }, ...lines);
  const panel = make("section", { className: "side", "aria-label": `Answer ${number + 1}, with its face` }, make("h2", {}, `Answer ${number + 1}`), face, words);
  lightTogether(panel, face);
  return panel;
}

function save() {
  const content = { study: study.id, rater: document.getElementById("rater").value.trim(), answers };
  const link = make("a", { download: `answers-${study.id}.json`, href: `data:application/json,${encodeURIComponent(JSON.stringify(content))}` });
  document.body.append(link);
  link.click();
  link.remove();
}

/** The browser may forbid storage for local files: then closing the page loses what was not saved. */
function remember() {
  try {
    localStorage.setItem(`tag-plugin ${study.id}`, JSON.stringify(answers));
  } catch {
    document.getElementById("unkept").hidden = false;
  }
}

function recall() {
  try {
    Object.assign(answers, JSON.parse(localStorage.getItem(`tag-plugin ${study.id}`) ?? "{}"));
  } catch {
    document.getElementById("unkept").hidden = false;
  }
}

startTheme();
startRating();

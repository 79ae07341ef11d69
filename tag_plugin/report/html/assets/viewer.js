// One sample large: for each run its face, its trace, and its claims. Pointing at one lights the others.

/** Returns a function that opens the viewer at a place of a list of samples. */
function startViewer() {
  const dialog = document.getElementById("viewer");
  const place = { list: [], at: 0 };
  const show = (at) => {
    place.at = Math.min(Math.max(at, 0), place.list.length - 1);
    drawSample(place.list[place.at], `${place.at + 1} of ${place.list.length}`);
    document.getElementById("viewer-previous").disabled = place.at === 0;
    document.getElementById("viewer-next").disabled = place.at + 1 === place.list.length;
  };
  document.getElementById("viewer-previous").addEventListener("click", () => show(place.at - 1));
  document.getElementById("viewer-next").addEventListener("click", () => show(place.at + 1));
  document.getElementById("viewer-close").addEventListener("click", () => dialog.close());
  for (const kind of ["reference", "said"]) {
    const box = document.getElementById(`show-${kind}`);
    box.addEventListener("change", () => dialog.classList.toggle(`no-${kind}`, !box.checked));
  }
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(place.at - 1);
    if (event.key === "ArrowRight") show(place.at + 1);
  });
  return (list, at) => {
    place.list = list;
    dialog.showModal();
    show(at);
    document.getElementById("viewer-title").focus();
  };
}

function drawSample(index, where) {
  const label = gallery.labels[gallery.gold[index]];
  const task = gallery.tasks[gallery.task[index]];
  document.getElementById("viewer-title").textContent = [gallery.id[index], label && `label: ${label}`, task, where].filter(Boolean).join(" · ");
  const answered = gallery.runs.map((_, run) => run).filter((run) => saidOf(run, index));
  const panels = answered.map((run) => runPanel(run, index, answered.length === 1));
  document.getElementById("viewer-runs").replaceChildren(...panels);
  document.getElementById("viewer").scrollTop = 0;
}

function runPanel(run, index, single) {
  const said = saidOf(run, index);
  const face = faceOf(run, index);
  const words = make("div", {}, ...facts(run, index, said), trace(said, index), claimTable(said, index), placeTable(said, index));
  const panel = make("section", { className: single ? "one-run single" : "one-run", "aria-label": gallery.runs[run].name });
  const head = single ? face : make("div", {}, make("h3", {}, gallery.runs[run].name), face);
  panel.append(head, words);
  lightTogether(panel, face);
  return panel;
}

function facts(run, index, said) {
  const items = Object.entries(said.parts).filter(([, value]) => value !== null).map(([name, value]) => make("li", {}, `${name} ${Number(value.toFixed(3))}`));
  const verdict = verdictOf(run, index).map((node) => make("li", { className: node.className }, node.textContent));
  const found = [make("ul", { className: "facts" }, ...verdict, ...items)];
  if (said.defects.length) found.push(make("p", { className: "muted" }, `Defects: ${said.defects.join("; ")}`));
  return found;
}

/** What a claim lights: its own box, and that of the detection it is paired with. */
function keysOfClaim(said, number, index) {
  const [au, , , iou] = said.claims[number];
  const pairedWith = iou === null ? [] : (placesOf(index) ?? []).flatMap(([seen], place) => (seen === au ? [`place-${place}`] : []));
  return [`claim-${number}`, ...pairedWith].join(" ");
}

/** The text line by line; a line with claims is a button that lights their boxes. */
function trace(said, index) {
  const byLine = new Map();
  said.claims.forEach(([, , line], number) => line !== null && byLine.set(line, [...(byLine.get(line) ?? []), number]));
  const lines = said.text.split("\n").map((text, number) => {
    const claims = byLine.get(number);
    if (!claims) return make("p", {}, text);
    const matched = claims.some((claim) => said.claims[claim][3] > 0);
    return make("button", { type: "button", className: matched ? "matched" : "", "data-key": claims.map((claim) => keysOfClaim(said, claim, index)).join(" ") }, text);
  });
  return make("div", { className: "trace", role: "group", "aria-label": "What the model wrote" }, ...lines);
}

function claimTable(said, index) {
  if (!said.claims.length) return "";
  const rows = said.claims.map(([au, , , iou, problem], number) =>
    row(keysOfClaim(said, number, index), auName(au), iou === null ? "–" : iou.toFixed(2), problem || (iou === null ? "not paired with a detection" : "paired")),
  );
  return table("Claims of the model", ["Claim", "IoU", "Verdict"], rows);
}

function placeTable(said, index) {
  const places = placesOf(index);
  if (places === null) return make("p", { className: "muted" }, "No detections of this face are recorded.");
  if (!places.length) return make("p", { className: "muted" }, "The detector saw no Action Unit here.");
  const rows = places.map(([au], number) => {
    const paired = said.claims.filter(([claimed, , , iou]) => claimed === au && iou !== null).map(([, , , iou]) => iou);
    return row(`place-${number}`, auName(au), paired.length ? Math.max(...paired).toFixed(2) : "–", paired.length ? gallery.aus[au] : `${gallery.aus[au]}: missed`);
  });
  return table("Seen by the detector", ["AU", "IoU", "Name"], rows);
}

function row(key, name, value, text) {
  return make("tr", { "data-key": key }, make("th", { scope: "row" }, name), make("td", {}, value), make("td", {}, text));
}

function table(title, heads, rows) {
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  return make("table", {}, make("caption", { className: "unseen" }, title), make("thead", {}, head), make("tbody", {}, ...rows));
}

// What the gallery shows: a state, the controls that change it, and the samples that fit it.

const state = { run: 0, group: "", task: "", gold: "", answer: "", au: "", step: "", compare: "", text: "", sort: "file", page: 0 };

const loweredTexts = [];

/** Lower-case text of every sample of a run; read once, at the first search. */
function textsOf(run) {
  loweredTexts[run] ??= gallery.id.map((id, index) => `${id}\n${saidOf(run, index)?.text ?? ""}`.toLowerCase());
  return loweredTexts[run];
}

const isRight = (run, index) => gallery.runs[run].prediction[index] === gallery.gold[index];

/** Sample numbers that fit the state, in its order. */
function chosen() {
  const run = gallery.runs[state.run];
  const tests = [(index) => run.prediction[index] !== ABSENT];
  const add = (value, test) => value !== "" && tests.push(test);
  const groupBit = 1 << gallery.groups.findIndex(([key]) => key === state.group);
  add(state.group, (index) => run.groups[index] & groupBit);
  add(state.task, (index) => gallery.task[index] === Number(state.task));
  add(state.gold, (index) => gallery.gold[index] === Number(state.gold));
  add(state.answer, (index) => run.prediction[index] === Number(state.answer));
  add(state.step, (index) => gallery.step[index] === Number(state.step));
  const auBit = 1 << Object.keys(gallery.aus).indexOf(state.au);
  add(state.au, (index) => (run.claimed[index] | gallery.present[index]) & auBit);
  if (state.compare) {
    const [verdict, other] = state.compare.split(" ");
    const right = verdict === "right";
    tests.push((index) => gallery.runs[other].prediction[index] !== ABSENT);
    tests.push((index) => isRight(state.run, index) === right && isRight(Number(other), index) !== right);
  }
  const wanted = state.text.trim().toLowerCase();
  const texts = wanted ? textsOf(state.run) : null;
  add(wanted, (index) => texts[index].includes(wanted));
  const found = [];
  for (let index = 0; index < gallery.id.length; index += 1) {
    if (tests.every((test) => test(index))) found.push(index);
  }
  return sorted(found, run.score);
}

function sorted(found, score) {
  if (state.sort === "file") return found;
  const sign = state.sort === "low" ? 1 : -1;
  const worst = Infinity; // without a score: always last
  return found.sort((a, b) => (score[a] === null ? worst : sign * score[a]) - (score[b] === null ? worst : sign * score[b]) || a - b);
}

function countsByGroup() {
  const { groups, prediction } = gallery.runs[state.run];
  return gallery.groups.map((_, bit) => groups.reduce((sum, held, index) => sum + (held & (1 << bit) && prediction[index] !== ABSENT ? 1 : 0), 0));
}

/** Fills the form; `changed` is called after each change of the state. */
function startFilters(form, changed) {
  const set = (name, value) => {
    state[name] = value;
    state.page = 0;
    changed();
  };
  const select = (name, title, options) => {
    if (options.length < 2) return;
    const list = make("select", { name }, ...options.map(([value, text]) => make("option", { value }, text)));
    list.addEventListener("change", () => set(name, name === "run" ? Number(list.value) : list.value));
    form.append(make("label", {}, title, list));
  };
  const any = (list) => (list.length > 1 ? [["", "any"], ...list] : []);
  const labels = gallery.labels.map((label, number) => [number, label]).filter(([, label]) => label);
  const otherRuns = gallery.runs.flatMap(({ name }, number) => [[`right ${number}`, `right here, wrong in ${name}`], [`wrong ${number}`, `wrong here, right in ${name}`]]);
  state.group = gallery.start;
  form.append(groupChoice(set));
  const search = make("input", { type: "search", name: "text", placeholder: "a word of the text, or an id" });
  form.append(make("label", { className: "search" }, "Search", search));
  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => set("text", search.value), 250);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  select("run", "Run", gallery.runs.map(({ name }, number) => [number, name]));
  select("task", "Task", any(gallery.tasks.map((task, number) => [number, task])));
  select("gold", "Label", any(labels));
  select("answer", "Answer", any([...labels, ...(labels.length ? [[UNPARSABLE, "unparsable"]] : [])]));
  const occurring = gallery.runs.reduce((bits, run) => run.claimed.reduce((a, b) => a | b, bits), gallery.present.reduce((a, b) => a | b, 0));
  select("au", "Action Unit", any(Object.entries(gallery.aus).filter((_, bit) => occurring & (1 << bit)).map(([au, name]) => [au, `AU${au} ${name}`])));
  select("step", "Step", any([...new Set(gallery.step)].filter((step) => step !== null).map((step) => [step, step])));
  select("compare", "Compare", gallery.runs.length > 1 ? any(otherRuns) : []);
  select("sort", "Order", [["file", "as recorded"], ["low", `lowest ${gallery.scoreName} first`], ["high", `highest ${gallery.scoreName} first`]]);
  const started = gallery.groups.find(([key]) => key === state.group);
  if (started?.[3]) orderBy(form, started[3]);
  form.hidden = false;
}

function groupChoice(set) {
  const shown = gallery.groups.find(([key]) => key === state.group);
  const meaning = make("p", { className: "group-meaning" }, shown ? shown[2] : "");
  const field = make("fieldset", {}, make("legend", {}, "Kind"));
  const choices = [["", "All", "", ""], ...gallery.groups];
  choices.forEach(([key, title, text, order]) => {
    const radio = make("input", { type: "radio", name: "group", value: key, checked: key === state.group });
    radio.addEventListener("change", () => {
      meaning.textContent = text;
      if (order) orderBy(radio.form, order);
      set("group", key);
    });
    field.append(make("label", { className: "choice" }, radio, make("span", { "data-title": title }, title)));
  });
  field.append(meaning);
  return field;
}

function orderBy(form, order) {
  state.sort = order;
  form.elements.sort.value = order;
}

/** Puts the counts beside the names of the groups, for the run that is shown. */
function showCounts(form) {
  const counts = [null, ...countsByGroup()];
  form.querySelectorAll(".choice span").forEach((name, number) => {
    name.textContent = counts[number] === null ? name.dataset.title : `${name.dataset.title} (${counts[number]})`;
  });
}

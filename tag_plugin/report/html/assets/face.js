// A face with its boxes, in 0..1000 of the face frame.

const UNPARSABLE = -1;
const ABSENT = -2;

const chunkOf = (index) => Math.floor(index / gallery.chunk);
const withinChunk = (index) => index % gallery.chunk;

function pictureOf(index) {
  const number = gallery.face[index];
  const text = block(`faces-${chunkOf(number)}`)?.[withinChunk(number)];
  return text ? `data:image/webp;base64,${text}` : null;
}

const placesOf = (index) => block(`places-${chunkOf(index)}`)[withinChunk(index)];
const saidOf = (run, index) => block(`said-${run}-${chunkOf(index)}`)[withinChunk(index)];

const auName = (au) => (au ? `AU${au}` : "no AU");
const labelOf = (number) => (number === UNPARSABLE ? "unparsable" : gallery.labels[number]);

/** The face as SVG; each box is a group that can be lit: `claim-N` or `place-N`. */
function faceOf(run, index) {
  const source = pictureOf(index);
  const face = makeSvg("svg", { viewBox: "0 0 1000 1000", class: "face", role: "img", "aria-label": spoken(run, index) });
  face.append(
    source
      ? makeSvg("image", { href: source, width: 1000, height: 1000, preserveAspectRatio: "none" })
      : makeSvg("text", { x: 500, y: 500, "text-anchor": "middle", class: "none" }, "picture not found"),
  );
  (placesOf(index) ?? []).forEach(([au, box], number) => face.append(mark("reference", `place-${number}`, au, box)));
  (saidOf(run, index)?.claims ?? []).forEach(([au, box], number) => {
    if (box) face.append(mark("said", `claim-${number}`, au, box));
  });
  return face;
}

function mark(kind, key, au, [x1, y1, x2, y2]) {
  const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
  const at = kind === "reference" ? { x: x1 + 6, y: Math.max(34, y1 - 10) } : { x: x2 - 6, y: Math.min(994, y2 + 34), "text-anchor": "end" };
  return makeSvg(
    "g",
    { class: `mark ${kind}`, "data-key": key },
    makeSvg("rect", { ...place, class: "halo" }),
    makeSvg("rect", { ...place, class: kind }),
    makeSvg("text", at, auName(au)),
  );
}

/** The picture in words. */
function spoken(run, index) {
  const names = (list) => (list.length ? list.join(", ") : "none");
  const places = placesOf(index);
  const seen = places === null ? "not measured" : names(places.map(([au]) => auName(au)));
  const claimed = names((saidOf(run, index)?.claims ?? []).filter(([, box]) => box).map(([au]) => auName(au)));
  return `Face ${gallery.id[index]}. Boxes of the detector: ${seen}. Boxes of the model: ${claimed}.`;
}

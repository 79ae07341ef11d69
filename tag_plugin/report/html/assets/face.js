// A face with its boxes, in 0..1000 of the face frame.

const UNPARSABLE = -1;
const ABSENT = -2;

const chunkOf = (index) => Math.floor(index / gallery.chunk);
const withinChunk = (index) => index % gallery.chunk;

function pictureOf(index) {
  const number = gallery.face[index];
  return block(`faces-${chunkOf(number)}`)?.[withinChunk(number)];
}

const placesOf = (index) => block(`places-${chunkOf(index)}`)[withinChunk(index)];
const saidOf = (run, index) => block(`said-${run}-${chunkOf(index)}`)[withinChunk(index)];

const labelOf = (number) => (number === UNPARSABLE ? "unparsable" : gallery.labels[number]);

/** The face as SVG; each box is a group that can be lit: `claim-N` or `place-N`. */
function faceOf(run, index) {
  const face = makeSvg("svg", { viewBox: "0 0 1000 1000", class: "face", role: "img", "aria-label": spoken(run, index) });
  face.append(pictureNode(pictureOf(index)));
  (placesOf(index) ?? []).forEach(([au, box], number) => face.append(mark("reference", `place-${number}`, au, box)));
  (saidOf(run, index)?.claims ?? []).forEach(([au, box], number) => {
    if (box) face.append(mark("said", `claim-${number}`, au, box));
  });
  return face;
}

/** The picture in words. */
function spoken(run, index) {
  const names = (list) => (list.length ? list.join(", ") : "none");
  const places = placesOf(index);
  const seen = places === null ? "not measured" : names(places.map(([au]) => auName(au)));
  const claimed = names((saidOf(run, index)?.claims ?? []).filter(([, box]) => box).map(([au]) => auName(au)));
  return `Face ${gallery.id[index]}. Boxes of the detector: ${seen}. Boxes of the model: ${claimed}.`;
}

// A box on a face, in 0..1000 of the face frame.

const auName = (au) => (au ? `AU${au}` : "no AU");

/** A group with the box and its name; `kind` is "reference" or "said", `key` says what lights it. */
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

/** The picture itself, or words where there is none; `text` is a WebP in base64. */
function pictureNode(text) {
  if (!text) return makeSvg("text", { x: 500, y: 500, "text-anchor": "middle", class: "none" }, "picture not found");
  return makeSvg("image", { href: `data:image/webp;base64,${text}`, width: 1000, height: 1000, preserveAspectRatio: "none" });
}

/** Pointer or focus on anything with a key lights everything that shares one of its keys. */
function lightTogether(panel, face) {
  const keysOf = (node) => (node?.dataset.key ?? "").split(" ").filter(Boolean);
  const light = (keys) => {
    for (const node of panel.querySelectorAll("[data-key]")) node.classList.toggle("lit", keysOf(node).some((key) => keys.includes(key)));
    face.classList.toggle("focused", keys.length > 0);
  };
  const follow = (event) => light(keysOf(event.target.closest("[data-key]")));
  panel.addEventListener("pointerover", follow);
  panel.addEventListener("focusin", follow);
  panel.addEventListener("pointerleave", () => light([]));
  panel.addEventListener("focusout", () => light([]));
}

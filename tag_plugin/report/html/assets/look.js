// A claim and its boxes light up together.

/** Pointer or focus on a claim, or on a box, lights whatever shares one of its keys in the same face. */
function lightLooked(page) {
  const keysOf = (node) => (node?.dataset.key ?? "").split(" ").filter(Boolean);
  const light = (looked, keys) => {
    for (const node of looked.querySelectorAll("[data-key]")) node.classList.toggle("lit", keysOf(node).some((key) => keys.includes(key)));
    looked.querySelector("svg.face").classList.toggle("focused", keys.length > 0);
  };
  const follow = (event) => {
    const chosen = event.target.closest?.(".looked");
    for (const looked of page.querySelectorAll(".looked")) light(looked, looked === chosen ? keysOf(event.target.closest("[data-key]")) : []);
  };
  page.addEventListener("pointerover", follow);
  page.addEventListener("focusin", follow);
}

if (document.getElementById("theme")) startTheme();
lightLooked(document);

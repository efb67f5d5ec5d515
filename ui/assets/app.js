// What pages have beyond links and forms. Everything here is a comfort: without a script each
// page still shows and does the same by another way.

const prefix = document.documentElement.dataset.prefix ?? "";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const one = (selector, within = document) => within.querySelector(selector);

/** Links that MLflow's clients print: `/#/experiments/1/runs/ID` and their like. */
function forwardHash() {
  const hash = location.hash;
  if (!hash.startsWith("#/")) return;
  const [path, query = ""] = hash.slice(1).split("?");
  const parts = path.split("/").filter(Boolean);
  const to = forwarded(parts, new URLSearchParams(query));
  if (to) location.replace(prefix + to);
}

function forwarded(parts, query) {
  const [first, second, third, fourth, ...rest] = parts;
  switch (first) {
    case "experiments":
      if (third === "runs" && fourth) return "/runs/" + fourth + runPart(rest);
      return second ? "/experiments/" + second : "/experiments";
    case "runs":
      return second ? "/runs/" + second : "/experiments";
    case "compare-runs": {
      const ids = readList(query.get("runs"));
      return "/compare?" + ids.map((id) => "r=" + encodeURIComponent(id)).join("&");
    }
    case "compare-experiments": {
      const ids = readList(query.get("experiments") ?? second);
      return "/runs?" + ids.map((id) => "e=" + encodeURIComponent(id)).join("&");
    }
    case "models":
      if (third === "versions" && fourth) return `/models/${second}/${fourth}`;
      return second ? "/models/" + second : "/models";
    default:
      return null;
  }
}

function runPart([part, ...rest]) {
  if (part === "artifacts") return ["/artifacts", ...rest].join("/");
  return part === "model-metrics" || part === "system-metrics" ? "/charts" : "";
}

function readList(text) {
  try {
    const list = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.map(String) : [];
  } catch {
    return [];
  }
}

/** One menu at a time; a click elsewhere or Escape closes it. */
function closeMenus(but) {
  for (const menu of all("details.pop[open], details.menu[open]")) {
    if (!menu.contains(but)) menu.open = false;
  }
}

/** Ids and commands are copied by a click; a short id is copied whole. */
async function copy(event) {
  const place = event.target.closest("[data-copy]");
  if (!place || String(getSelection())) return;
  await navigator.clipboard?.writeText(place.dataset.copy);
  announce("Copied");
}

function announce(text) {
  const live = one("#live");
  if (live) live.textContent = text;
}

/** The selection of a table survives its pages. */
function keepSelection() {
  const form = one("#chosen");
  if (!form) return;
  const key = "selected " + location.pathname;
  const kept = new Set(readList(sessionStorage.getItem(key)));
  const boxes = all("input[name=r]", form);
  const whole = one("[data-all]", form);
  const label = one("#selected", form);
  const show = () => {
    const here = new Set(boxes.map((box) => box.value));
    label.textContent = kept.size ? `${kept.size} selected` : "";
    whole.checked = boxes.length > 0 && boxes.every((box) => box.checked);
    whole.indeterminate = !whole.checked && boxes.some((box) => box.checked);
    for (const button of all(".selection button", form)) button.disabled = kept.size === 0;
    all("input[type=hidden][name=r]", form).forEach((field) => field.remove());
    for (const id of kept) {
      if (here.has(id)) continue;
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: "r" });
      field.value = id;
      form.append(field);
    }
    sessionStorage.setItem(key, JSON.stringify([...kept]));
  };
  for (const box of boxes) box.checked = kept.has(box.value);
  form.addEventListener("change", (event) => {
    if (event.target === whole) boxes.forEach((box) => (box.checked = whole.checked));
    for (const box of boxes) kept[box.checked ? "add" : "delete"](box.value);
    show();
  });
  show();
}

forwardHash();
addEventListener("hashchange", forwardHash);
addEventListener("click", (event) => {
  closeMenus(event.target);
  copy(event);
});
keepSelection();

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

/** Keys: `/` filter, Ctrl-K search, `g` then a letter goes, `j` `k` rows, `x` select, `t` theme. */
const PLACES = { h: "/", e: "/experiments", m: "/models", a: "/approvals" };
let goes = false;

function key(event) {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return one("[data-key=search]")?.focus();
  }
  if (event.key === "Escape") {
    closeMenus(null);
    if (typing) typing.blur();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (goes) {
    goes = false;
    if (event.key in PLACES) location.assign(prefix + PLACES[event.key]);
    return;
  }
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

const KEYS = {
  "/": () => (one("[data-key=filter]") ?? one("[data-key=search]"))?.focus(),
  g: () => (goes = true),
  t: () => one("[data-key=theme]")?.click(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  x: () => one(".pick input", document.activeElement?.closest("tr") ?? document)?.click(),
  c: () => one("[data-key=compare]:not(:disabled)")?.click(),
  "]": () => one("[data-key=next]")?.click(),
};

/** Moves the focus to the name in the next or the previous row. */
function moveRow(by) {
  const links = all(".rows tbody .name a");
  const row = document.activeElement?.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
}

addEventListener("keydown", key);

/**
 * Charts: the pointer or the arrow keys read all lines at a place, and dragging shows a range. The
 * numbers come from the server once, when they are first asked for.
 */
const numbers = new Map();

async function load(chart) {
  const source = chart.dataset.source;
  if (!numbers.has(source)) {
    const read = async () => {
      const text = await (await fetch(source)).text();
      return text.trim().split("\n").map((line) => JSON.parse(line)).map(points);
    };
    numbers.set(source, read());
  }
  return numbers.get(source);
}

/** The points of a series: those of a column are its first, least, greatest and last. */
function points(series) {
  const list = series.points ?? series.columns.flatMap((c) => [0, 2, 4, 6].map((i) => [c[i], c[i + 1]]));
  return list.sort((a, b) => a[0] - b[0]);
}

function nearest(list, x) {
  let low = 0;
  let high = list.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle][0] < x) low = middle;
    else high = middle;
  }
  return Math.abs(list[low][0] - x) <= Math.abs(list[high][0] - x) ? list[low] : list[high];
}

/** Where the pointer is, in the units of the chart and of its axis. */
function place(chart, event) {
  const box = chart.getBoundingClientRect();
  const [left, right] = chart.dataset.box.split(" ").map(Number);
  const [from, to] = chart.dataset.x.split(" ").map(Number);
  const across = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
  const part = Math.max(0, Math.min(1, (across - left) / (right - left)));
  return { across: left + part * (right - left), x: from + part * (to - from) };
}

const SVG = "http://www.w3.org/2000/svg";
const short = (number) => String(Number(number.toPrecision(5)));

async function hover(chart, event) {
  const { across, x } = place(chart, event);
  const cursor = one(".cursor", chart) ?? chart.appendChild(document.createElementNS(SVG, "line"));
  cursor.setAttribute("class", "cursor");
  for (const [name, value] of Object.entries({ x1: across, x2: across, y1: 8, y2: 178 })) {
    cursor.setAttribute(name, value);
  }
  const lines = await load(chart);
  const names = all(".values tbody th", chart.closest("figure")).map((cell) => cell.textContent);
  const read = lines
    .map((list, index) => ({ name: names[index] ?? "", at: list.length && nearest(list, x) }))
    .filter((line) => line.at)
    .sort((a, b) => b.at[1] - a.at[1]);
  show(event, read);
}

function show(event, read) {
  const tip = one(".tip") ?? document.body.appendChild(document.createElement("div"));
  tip.className = "tip";
  tip.replaceChildren(
    ...read.slice(0, 16).map(({ name, at }) => {
      const row = document.createElement("div");
      row.textContent = `${short(at[1])} at ${short(at[0])}  ${read.length > 1 ? name : ""}`;
      return row;
    }),
  );
  const left = Math.min(event.pageX + 12, document.documentElement.clientWidth - tip.offsetWidth - 4);
  // Through the object model: the policy forbids styles in the page, not those of the script.
  tip.style.setProperty("left", `${Math.max(0, left)}px`);
  tip.style.setProperty("top", `${event.pageY + 12}px`);
}

function leave(chart) {
  one(".cursor", chart)?.remove();
  one(".tip")?.remove();
}

/** Shows the range that was dragged: the server draws it anew. */
function zoom(from, to) {
  const url = new URL(location.href);
  const exact = (number) => String(Number(number.toPrecision(15)));
  url.searchParams.set("from", exact(Math.min(from, to)));
  url.searchParams.set("to", exact(Math.max(from, to)));
  location.assign(url);
}

for (const chart of all("svg[data-source]")) {
  let start = null;
  chart.addEventListener("pointermove", (event) => hover(chart, event));
  chart.addEventListener("pointerleave", () => leave(chart));
  chart.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") start = place(chart, event);
  });
  chart.addEventListener("pointerup", (event) => {
    const end = place(chart, event);
    if (start && Math.abs(end.across - start.across) > 8) zoom(start.x, end.x);
    start = null;
  });
}

"use strict";

const form = document.querySelector("form");

// Indents objects, and keeps lists of plain values on one line. Text holds no bare line ends.
function pretty(text) {
  try {
    const lists = /\[[^[\]{}]*\]/g;
    const joined = (list) => list.replace(/\s*\n\s*/g, " ");
    return JSON.stringify(JSON.parse(text), null, 2).replace(lists, joined);
  } catch {
    return text;
  }
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = document.getElementById("answer");
  const took = document.getElementById("took");
  const start = performance.now();
  try {
    const response = await fetch(form.dataset.action, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: document.getElementById("body").value,
    });
    answer.textContent = pretty(await response.text());
    answer.className = response.ok ? "" : "problem";
    took.textContent = `${response.status} in ${(performance.now() - start).toFixed(1)} ms`;
  } catch (problem) {
    answer.textContent = String(problem);
    answer.className = "problem";
  }
});

const body = document.getElementById("body");
if (body) body.value = pretty(body.value);

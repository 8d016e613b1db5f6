// Asks the server that this page came from, by the same REST API as everybody else.
"use strict";

const at = (id) => document.getElementById(id);
const make = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
let signatures = {};
let turn = 0; // what is answered out of turn is not shown

async function call(path, body) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  const text = await response.text();
  let answer;
  try {
    // NaN and Infinity are written as they are, which JSON.parse refuses: outside of strings they become null.
    answer = JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (part) => (part[0] === '"' ? part : "null")));
  } catch {
    throw new Error(`The server answered ${response.status} with what is no JSON`);
  }
  if (response.status === 401) at("key-form").hidden = false;
  if (!response.ok) throw new Error(answer.error || `The server answered ${response.status}`);
  return answer;
}

function say(error) {
  at("error").hidden = !error;
  at("error").textContent = error ? error.message : "";
}

const place = () => `v1/models/${encodeURIComponent(at("model").value)}/versions/${at("version").value}`;

function fill(select, values, chosen) {
  select.replaceChildren(...values.map((value) => Object.assign(make("option", value), { value })));
  if (values.includes(chosen)) select.value = chosen;
}

let models = [];

async function loadModels() {
  try {
    models = (await call("models")).models;
    say(null);
    fill(at("model"), models.map((model) => model.name), at("model").value);
    await loadVersions();
  } catch (error) {
    say(error);
  }
}

async function loadVersions() {
  const model = models.find((entry) => entry.name === at("model").value);
  const versions = model ? [...model.versions].reverse() : [];
  fill(at("version"), versions);
  at("ask").disabled = true;
  if (!versions.length) {
    say(new Error("This model is still being loaded. The page looks again in a moment."));
    setTimeout(loadModels, 1500);
    return;
  }
  await loadSignatures();
}

async function loadSignatures() {
  at("ask").disabled = true; // until it is known what the model takes
  try {
    const found = (await call(`${place()}/metadata`)).metadata.signature_def.signature_def;
    signatures = Object.fromEntries(Object.entries(found).filter(([name]) => !name.startsWith("__")));
    const names = Object.keys(signatures);
    fill(at("signature"), names, "serving_default");
    at("signature-label").hidden = names.length < 2 || takesText("serving_default");
    showInput();
    at("ask").disabled = false;
  } catch (error) {
    say(error);
  }
}

const inputsOf = (name) => Object.entries(signatures[name]?.inputs ?? {});

/** Whether a signature takes texts and nothing else, so that a person can simply type. */
function takesText(name) {
  const inputs = inputsOf(name);
  return inputs.length === 1 && inputs[0][1].dtype === "DT_STRING" && inputs[0][1].tensor_shape.dim.length === 1;
}

function showInput() {
  const isText = takesText(at("signature").value);
  at("input-label").textContent = isText ? "Your text" : "The inputs, as JSON";
  at("input").classList.toggle("code", !isText);
  at("hint").textContent = isText ? "Enter asks, Shift+Enter begins a line" : "Ctrl+Enter asks";
  const examples = inputsOf(at("signature").value).map(([name, tensor]) => [name, example(tensor)]);
  const inputs = examples.length === 1 ? examples[0][1] : Object.fromEntries(examples);
  at("input").placeholder = isText ? "Type something, or paste it" : JSON.stringify(inputs);
  if (!isText && !at("input").value.trim()) at("input").value = JSON.stringify(inputs);
}

function example(tensor) {
  const value = { DT_STRING: "text", DT_BOOL: true, DT_FLOAT: 1.5, DT_DOUBLE: 1.5 }[tensor.dtype] ?? 1;
  return [...tensor.tensor_shape.dim].reverse().reduce((inner, axis) => Array(Math.max(1, +axis.size)).fill(inner), value);
}

async function ask(event) {
  event?.preventDefault();
  const own = ++turn;
  say(null);
  for (const id of ["answer", "ranking", "map", "request"]) at(id).hidden = true;
  const name = at("signature").value;
  const isText = takesText(name);
  let body;
  try {
    const inputs = isText ? [at("input").value.trim()] : JSON.parse(at("input").value);
    body = { signature_name: name, inputs };
  } catch (error) {
    say(new Error(`The inputs are no JSON: ${error.message}`));
    return;
  }
  at("ask").disabled = true;
  const start = performance.now();
  try {
    const { outputs } = await call(`${place()}:predict`, body);
    if (own !== turn) return;
    at("time").textContent = `${Math.round(performance.now() - start)} ms`;
    const named = isObject(outputs) ? outputs : { [Object.keys(signatures[name].outputs)[0]]: outputs };
    showAnswer(named, isText);
    showRequest(body, outputs);
    if (isText) await Promise.all(["nbest", "explain"].filter(takesText).map((other) => showMore(other, body, own)));
  } catch (error) {
    if (own === turn) say(error);
  } finally {
    if (own === turn) at("ask").disabled = false;
  }
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

async function showMore(name, body, own) {
  const { outputs } = await call(`${place()}:predict`, { ...body, signature_name: name });
  if (own !== turn || !isObject(outputs)) return;
  if (name === "nbest" && outputs.texts?.[0].length > 1 && outputs.scores) showRanks("Other answers", outputs.texts[0], outputs.scores[0], true);
  if (outputs.alignment) showMap(outputs.source_tokens[0], outputs.target_tokens[0], outputs.alignment[0]);
  if (outputs.weights && outputs.tokens) showWeights(outputs.tokens[0], outputs.weights[0]);
}

const number = (value) => (typeof value !== "number" ? String(value) : Number.isInteger(value) ? String(value) : value.toPrecision(4));

function showAnswer(outputs, isText) {
  const best = at("best");
  best.replaceChildren();
  const first = (value) => (Array.isArray(value) ? value[0] : value);
  const main = ["text", "label"].find((key) => isText && typeof first(outputs[key]) === "string");
  if (main) {
    const text = first(outputs[main]);
    best.append(make("p", text || "(an empty text)", "big"));
    const facts = Object.entries(outputs).filter(([key, value]) => key !== main && !Array.isArray(first(value)));
    best.append(make("p", facts.map(([key, value]) => `${key.replaceAll("_", " ")}: ${number(first(value))}`).join(" · "), "facts"));
  } else {
    for (const [key, value] of Object.entries(outputs)) best.append(...describe(key, value));
  }
  at("answer").hidden = false;
  if (Array.isArray(first(outputs.classes)) && Array.isArray(first(outputs.scores))) {
    showRanks("Classes", outputs.classes[0], outputs.scores[0], false);
  }
}

/** An output of any kind: its numbers as bars where they are many, and as text. */
function describe(key, value) {
  const flat = [value].flat(Infinity);
  const parts = [make("p", `${key}: ${flat.length > 64 ? `${flat.length} values` : JSON.stringify(value)}`, "facts")];
  if (flat.length > 2 && flat.length <= 512 && flat.every((part) => typeof part === "number")) {
    const [low, high] = [Math.min(0, ...flat), Math.max(...flat)];
    const bars = make("div", "", "bars");
    bars.append(...flat.map((part) => withStyle(Object.assign(make("i"), { title: number(part) }), "--share", (part - low) / (high - low || 1))));
    parts.push(bars);
  }
  return parts;
}

function withStyle(element, name, value) {
  element.style.setProperty(name, value);
  return element;
}

function showRanks(title, names, scores, areLogarithms) {
  const shares = scores.map((score) => (areLogarithms ? Math.exp(score) : score));
  const order = scores.map((_, index) => index).sort((a, b) => scores[b] - scores[a]).slice(0, 12);
  at("ranking-title").textContent = title;
  at("ranks").replaceChildren(
    ...order.map((index) => {
      const row = withStyle(make("li"), "--share", Math.max(0, Math.min(1, shares[index])));
      row.append(make("span", names[index] || "(an empty text)", "what"), make("span", number(scores[index]), "score"));
      return row;
    }),
  );
  at("ranking").hidden = false;
}

/** How a token is shown: the mark of a word's beginning as a space that can be seen. */
const shown = (token) => token.replaceAll("\u2581", "\u00b7") || "\u00a0";

function used(tokens) {
  let size = tokens.length;
  while (size && tokens[size - 1] === "") size -= 1;
  return tokens.slice(0, size);
}

let drawn = {}; // what the map shows

function showMap(sourceTokens, targetTokens, alignment) {
  const [sources, targets] = [used(sourceTokens), used(targetTokens)];
  const head = make("tr");
  head.append(make("th"), ...sources.map(columnHead));
  const rows = targets.map((token, row) => {
    const line = make("tr");
    line.append(Object.assign(make("th", shown(token)), { scope: "row" }));
    line.append(...sources.map((_, column) => cell(row, column, alignment[row][column])));
    return line;
  });
  const [top, body] = [make("thead"), make("tbody")];
  top.append(head);
  body.append(...rows);
  at("grid").replaceChildren(top, body);
  at("grid").setAttribute("aria-label", "How much each token of the answer (rows) looked at each token of the text (columns)");
  at("strip").replaceChildren(...sources.map((token) => withStyle(make("span", shown(token)), "--weight", 0)));
  at("map-hint").hidden = at("scroller").hidden = at("readout").hidden = false;
  at("map").hidden = false;
  drawn = { sources, targets, alignment };
  body.querySelector("td").tabIndex = 0;
}

function columnHead(token) {
  const head = Object.assign(make("th"), { scope: "col" });
  head.append(make("span", shown(token)));
  return head;
}

function cell(row, column, weight) {
  const square = withStyle(make("td"), "--weight", weight);
  Object.assign(square.dataset, { row, column });
  square.tabIndex = -1;
  square.setAttribute("aria-label", weight.toFixed(2));
  return square;
}

function point(event) {
  const square = event.target.closest("td");
  if (!square?.dataset.row) return;
  const { sources, targets, alignment } = drawn;
  const [row, column] = [+square.dataset.row, +square.dataset.column];
  const grid = at("grid");
  grid.querySelectorAll(".lit").forEach((other) => other.classList.remove("lit"));
  grid.tHead.rows[0].cells[column + 1].classList.add("lit");
  grid.tBodies[0].rows[row].cells[0].classList.add("lit");
  [...at("strip").children].forEach((token, index) => withStyle(token, "--weight", alignment[row][index]));
  at("readout").textContent = `“${shown(targets[row])}” looked at “${shown(sources[column])}” with ${(100 * alignment[row][column]).toFixed(1)} %`;
}

function walk(event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const square = event.target.closest("td");
  if (!(event.key in steps) || !square?.dataset.row) return;
  event.preventDefault();
  const [down, right] = steps[event.key];
  const next = at("grid").tBodies[0].rows[+square.dataset.row + down]?.cells[+square.dataset.column + 1 + right];
  if (next?.dataset.row === undefined) return;
  square.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function showWeights(tokens, weights) {
  const own = used(tokens);
  const most = Math.max(...weights.slice(0, own.length), 1e-9);
  at("strip").replaceChildren(
    ...own.map((token, index) => {
      const part = withStyle(make("span", shown(token)), "--weight", weights[index] / most);
      part.title = `${(100 * weights[index]).toFixed(1)} %`;
      return part;
    }),
  );
  at("grid").replaceChildren();
  at("map-hint").hidden = at("scroller").hidden = at("readout").hidden = true;
  at("map").hidden = false;
}

function showRequest(body, outputs) {
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  const key = sessionStorage.getItem("key") ? " -H 'Authorization: Bearer '\"$KEY\"" : "";
  at("curl").textContent = `curl${key} -d '${quoted}' ${new URL(`${place()}:predict`, location.href)}`;
  at("raw").textContent = JSON.stringify({ outputs }, null, 1);
  at("request").hidden = false;
}

at("model").onchange = loadVersions;
at("version").onchange = loadSignatures;
at("signature").onchange = () => {
  at("input").value = "";
  showInput();
};
at("grid").addEventListener("mouseover", point);
at("grid").addEventListener("focusin", point);
at("grid").addEventListener("keydown", walk);
at("choice").onsubmit = (event) => event.preventDefault();
at("question").onsubmit = ask;
at("input").onkeydown = (event) => {
  const isText = takesText(at("signature").value);
  if (event.key !== "Enter" || event.isComposing || (isText ? event.shiftKey : !(event.ctrlKey || event.metaKey))) return;
  event.preventDefault();
  if (!at("ask").disabled) ask();
};
at("key-form").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", at("key").value);
  at("key-form").hidden = true;
  loadModels();
};
loadModels();

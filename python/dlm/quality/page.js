/* The stewards' page: filters, drill-down from rule to site to record, and timelines.
   Values come from sites' files: they only ever become text nodes and attribute values, never HTML.
   What is chosen stands in the address (#rule=RD05&site=JP07), so that a view can be sent on. */
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const words = data.words;
  const rules = new Map(data.rules.map((rule, place) => [rule.rule_id, Object.assign(rule, { place })]));
  const sites = data.sites;
  const results = new Map();
  for (const [rule, site, violated, checked, percent, status, reason] of data.results) {
    const id = data.rules[rule].rule_id;
    if (!results.has(id)) results.set(id, new Map());
    results.get(id).set(sites[site], { violated, checked, percent, status, reason });
  }
  const SEVERITIES = ["S1", "S2", "S3", "S4"];
  const CLOSED = ["resolved", "waived"];
  const STATES = Object.keys(words.state);
  const PARAMETERS = ["rule", "site", "severity", "state", "form", "owner", "q", "sort", "page", "rows", "record"];
  const SVG = "http://www.w3.org/2000/svg";

  // ---- words

  let language = "en";
  const side = () => (language === "ja" ? 1 : 0);

  function ui(key, values) {
    return words.ui[key][side()].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  }

  function word(section, code) {
    if (code === null || code === undefined) return "";
    const found = (words[section] || {})[code];
    return found ? found[side()] : String(code).replace(/_/g, " ");
  }

  const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US"));

  function percent(value) {
    if (value === null || value === undefined) return "–";
    return value === 0 ? "0" : value < 0.1 ? "<0.1" : value.toFixed(1);
  }

  const siteName = (site) => (site === data.no_site ? ui("trial_wide") : site);

  // ---- elements

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : String(value));
    }
    for (const child of children.flat(3)) {
      if (child !== null && child !== undefined && child !== false && child !== "") element.append(child);
    }
    return element;
  }
  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  function glyph(status) {
    const sign = document.querySelector(".legend .glyph." + status);
    return sign ? sign.cloneNode(true) : "";
  }
  const statusMark = (status) => el("span", { class: "status " + status }, glyph(status), " ", word("status", status));
  const severityMark = (severity) => el("span", { class: "severity " + severity.toLowerCase() }, severity);

  // ---- what is chosen

  let chosen = {};

  function readAddress() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return false;
    const given = new URLSearchParams(hash);
    chosen = {};
    for (const name of PARAMETERS) if (given.get(name)) chosen[name] = given.get(name);
    if (given.get("lang") === "ja" || given.get("lang") === "en") setLanguage(given.get("lang"));
    return true;
  }

  function addressOf(choice) {
    const given = new URLSearchParams();
    for (const name of PARAMETERS) if (choice[name]) given.set(name, choice[name]);
    if (language === "ja") given.set("lang", "ja");
    const text = given.toString();
    return "#" + (text || "records");
  }

  function choose(changes, options) {
    chosen = Object.assign({}, chosen, changes);
    if (!("page" in changes)) delete chosen.page;
    for (const name of Object.keys(chosen)) if (!chosen[name]) delete chosen[name];
    history[options && options.step ? "pushState" : "replaceState"](null, "", addressOf(chosen));
    render();
  }

  // ---- records

  const columns = Object.fromEntries(data.columns.map((name, place) => [name, place]));
  const EXTRA = data.columns.length;
  const records = [];
  const listeners = new Map();

  window.dlmQuality = function (file, content) {
    const listener = listeners.get(file);
    listeners.delete(file);
    if (listener) listener(content);
  };

  function load(file) {
    return new Promise((resolve, reject) => {
      listeners.set(file, resolve);
      const script = el("script", { src: "data/" + file });
      script.onerror = () => reject(new Error(ui("load_failed", { file: "data/" + file })));
      script.onload = () => script.remove();
      document.head.append(script);
    });
  }

  function field(record, name) {
    const value = record.values[columns[name]];
    return name in data.codes && value !== null ? data.codes[name][value] : value;
  }

  function take(values) {
    const record = { values, extra: values[EXTRA], number: records.length };
    for (const name of ["rule_id", "severity", "site_id", "form", "state"]) record[name] = field(record, name);
    const rule = rules.get(record.rule_id);
    record.owner = rule ? rule.owner : null;
    record.age = field(record, "age_days");
    record.closed = CLOSED.includes(record.state);
    const parts = ["patient_id", "lesion_id", "record_key", "column_name", "evidence", "file", "query_id"].map((name) => field(record, name));
    record.text = [record.rule_id, record.site_id, ...parts, rule ? rule.title.join(" ") : ""].join("\u0001").toLowerCase();
    records.push(record);
  }

  const nameOf = (record) => field(record, "query_id") || [record.rule_id, record.site_id, field(record, "record_key"), field(record, "column_name")].join("~");
  const subjectOf = (record) => field(record, "lesion_id") || field(record, "patient_id") || field(record, "record_key") || siteName(record.site_id);

  let loaded = 0;
  let trouble = null;

  async function loadRecords() {
    for (const file of data.record_files) {
      try {
        (await load(file)).forEach(take);
      } catch (error) {
        trouble = error.message;
        break;
      }
      loaded += 1;
      render();
    }
    render();
  }

  function stateFits(record, state) {
    if (!data.has_queries || state === "all") return true;
    return state === "unresolved" ? !record.closed : record.state === state;
  }

  function fitting() {
    const wanted = (chosen.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    const state = chosen.state || "unresolved";
    return records.filter(
      (record) =>
        (!chosen.rule || record.rule_id === chosen.rule) &&
        (!chosen.site || record.site_id === chosen.site) &&
        (!chosen.severity || record.severity === chosen.severity) &&
        (!chosen.form || record.form === chosen.form) &&
        (!chosen.owner || record.owner === chosen.owner) &&
        stateFits(record, state) &&
        wanted.every((part) => record.text.includes(part))
    );
  }

  const SORTS = {
    severity: (a, b) => compare(a.severity, b.severity),
    rule: (a, b) => compare(a.rule_id, b.rule_id),
    site: (a, b) => sites.indexOf(a.site_id) - sites.indexOf(b.site_id),
    record: (a, b) => compare(subjectOf(a), subjectOf(b)),
    state: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state),
    age: (a, b) => (a.age === null ? -1 : a.age) - (b.age === null ? -1 : b.age),
    file: (a, b) => compare(field(a, "file") || "", field(b, "file") || "") || (field(a, "line") || 0) - (field(b, "line") || 0),
  };
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  function sorted(list) {
    const [key, direction] = (chosen.sort || "").split("-");
    if (!SORTS[key]) return list; // as the file has them: by severity, oldest first
    const sign = direction === "desc" ? -1 : 1;
    return list.slice().sort((a, b) => sign * SORTS[key](a, b) || a.number - b.number);
  }

  // ---- the explorer: filters, rule card, list

  const explorer = document.getElementById("explorer");
  const place = {};

  function select(name, label, options, value) {
    const box = el("select", { id: "filter-" + name, onchange: (event) => choose({ [name]: event.target.value }, { step: true }) });
    for (const [code, text] of options) box.append(el("option", { value: code, selected: code === value }, text));
    return el("label", { for: "filter-" + name }, el("span", {}, label), box);
  }

  function buildExplorer() {
    const ruleOptions = [["", ui("all_rules")], ...data.rules.map((rule) => [rule.rule_id, rule.rule_id + " " + rule.title[side()]])];
    const siteOptions = [["", ui("all_sites")], ...sites.map((site) => [site, siteName(site)])];
    const forms = data.codes.form || [];
    const owners = [...new Set(data.rules.map((rule) => rule.owner).filter(Boolean))].sort();
    const stateOptions = [["unresolved", ui("unresolved")], ["all", ui("all_states")], ...STATES.map((state) => [state, word("state", state)])];
    let waiting = null;
    const search = el("input", {
      type: "search", id: "filter-q", value: chosen.q || "", placeholder: ui("search_hint"), autocomplete: "off", spellcheck: "false",
      oninput: (event) => {
        clearTimeout(waiting);
        waiting = setTimeout(() => choose({ q: event.target.value.trim() }), 150);
      },
    });
    place.filters = el(
      "form",
      { class: "filters", role: "search", "aria-labelledby": "records-title", onsubmit: (event) => event.preventDefault() },
      select("rule", ui("rule"), ruleOptions, chosen.rule),
      select("site", ui("site"), siteOptions, chosen.site),
      select("severity", ui("severity"), [["", ui("all_severities")], ...SEVERITIES.map((name) => [name, name + " " + word("severity", name)])], chosen.severity),
      data.has_queries && select("state", ui("state"), stateOptions, chosen.state || "unresolved"),
      select("form", ui("form"), [["", ui("all_forms")], ...forms.map((form) => [form, word("form", form)])], chosen.form),
      select("owner", ui("owner"), [["", ui("all_owners")], ...owners.map((owner) => [owner, word("owner", owner)])], chosen.owner),
      el("label", { for: "filter-q" }, el("span", {}, ui("search")), search),
      el("button", { type: "button", id: "reset", onclick: () => { choose(Object.fromEntries(PARAMETERS.map((name) => [name, ""])), { step: true }); syncFilters(); } }, ui("reset")),
      el("button", { type: "button", id: "copy", onclick: copyLink }, ui("copy"))
    );
    place.card = el("div", { id: "rule-card" });
    place.count = el("p", { class: "count", id: "count", role: "status" });
    place.note = el("p", { class: "note" });
    place.list = el("div", { class: "table", id: "records-list", role: "region", tabindex: "0", "aria-labelledby": "count" });
    place.pager = el("div", { class: "pager" });
    explorer.replaceChildren(place.filters, place.card, place.count, place.note, place.list, place.pager);
  }

  function syncFilters() {
    for (const name of ["rule", "site", "severity", "form", "owner", "q"]) {
      const box = document.getElementById("filter-" + name);
      if (box && box !== document.activeElement) box.value = chosen[name] || "";
    }
    const state = document.getElementById("filter-state");
    if (state) state.value = chosen.state || "unresolved";
  }

  function copyLink() {
    const address = location.href.split("#")[0] + addressOf(chosen);
    const done = () => { place.count.textContent = ui("copied"); setTimeout(render, 1500); };
    const fallback = () => {
      const box = el("textarea", {}, address);
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
      document.getElementById("copy").focus();
      done();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(address).then(done, fallback);
    else fallback();
  }

  let shownPage = [];

  function render() {
    if (!place.filters) return;
    syncFilters();
    renderRuleCard();
    const list = sorted(fitting());
    const size = Math.min(Number(chosen.rows) || 50, 1000);
    const pages = Math.max(Math.ceil(list.length / size), 1);
    let page = Math.min(Math.max(Number(chosen.page) || 1, 1), pages);
    if (chosen.record && !chosen.page) {
      const at = list.findIndex((record) => nameOf(record) === chosen.record);
      if (at >= 0) page = Math.floor(at / size) + 1;
    }
    shownPage = list.slice((page - 1) * size, page * size);
    const counted = ui("count", { n: number(list.length), all: number(records.length) });
    const waiting = loaded < data.record_files.length && !trouble ? " " + ui("loading", { n: loaded, all: data.record_files.length }) : "";
    const text = trouble || counted + waiting;
    if (place.count.textContent !== text) place.count.textContent = text;
    place.note.textContent = !waiting && !trouble && data.n_records > records.length ? ui("capped", { shown: number(records.length), all: number(data.n_records) }) : "";
    renderList();
    renderPager(page, pages, size);
    renderRulesTable();
  }

  function heading(key, label, css) {
    const [now, direction] = (chosen.sort || "").split("-");
    const order = now === key ? (direction === "desc" ? "descending" : "ascending") : null;
    const next = order === "ascending" ? key + "-desc" : order === "descending" ? "" : key + "-asc";
    return el("th", { scope: "col", class: css, role: "columnheader", "aria-sort": order },
      SORTS[key] ? el("button", { type: "button", id: "sort-" + key, title: ui("sort_by", { what: label }), onclick: () => { choose({ sort: next }); document.getElementById("sort-" + key).focus(); } }, label) : label);
  }

  function renderList() {
    if (!shownPage.length) {
      place.list.replaceChildren(el("p", {}, loaded < data.record_files.length && !trouble ? "" : ui("none")));
      return;
    }
    const head = el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      heading("record", ui("record")), heading("severity", ui("severity")), heading("rule", ui("rule")), heading("site", ui("site")),
      heading("evidence", ui("evidence")), heading("file", ui("source_line")),
      data.has_queries && [heading("state", ui("state")), heading("age", ui("age"), "n")]));
    const body = el("tbody", { role: "rowgroup" });
    for (const record of shownPage) {
      body.append(recordRow(record));
      if (nameOf(record) === chosen.record) body.append(detailRow(record));
    }
    place.list.replaceChildren(el("table", { id: "records-table", role: "table", "aria-labelledby": "count" }, head, body));
  }

  /* Values break between columns and file names between folders, not in the middle of either. */
  function unbroken(text, sign) {
    const parts = text.split(sign);
    return parts.map((part, at) => [el("span", { class: "part" }, part + (at < parts.length - 1 ? sign : "")), el("wbr")]);
  }
  const evidenceOf = (record) => unbroken(field(record, "evidence") || "", "; ");

  function placeOf(file, line) {
    return file ? unbroken(file + (line === null ? "" : ":" + line), "/") : "–";
  }

  function recordRow(record) {
    const rule = rules.get(record.rule_id);
    const line = field(record, "line");
    const file = field(record, "file");
    const open = nameOf(record) === chosen.record;
    const form = record.form ? word("form", record.form) : "";
    const cell = (label, css, ...children) => el("td", { role: "cell", class: css, "data-label": label }, el("span", {}, children));
    return el("tr", { role: "row", "data-number": record.number },
      el("th", { scope: "row", role: "rowheader" },
        el("button", { type: "button", class: "toggle", "aria-expanded": String(open), "aria-label": ui("details", { what: record.rule_id + " " + subjectOf(record) }), onclick: () => toggle(record) }, subjectOf(record)),
        form && el("span", { class: "sub" }, " " + form)),
      cell(ui("severity"), "", severityMark(record.severity)),
      cell(ui("rule"), "rule", el("a", { href: addressOf({ rule: record.rule_id, site: chosen.site }) }, record.rule_id), " ", rule ? rule.title[side()] : ""),
      cell(ui("site"), "", siteName(record.site_id)),
      cell(ui("evidence"), "long", evidenceOf(record)),
      cell(ui("source_line"), "file", placeOf(file, line)),
      data.has_queries && [
        cell(ui("state"), "", record.state ? el("span", { class: "state " + record.state }, word("state", record.state)) : "–"),
        cell(ui("age"), "n", number(record.age)),
      ]);
  }

  function toggle(record) {
    const name = nameOf(record);
    const page = chosen.page;
    choose({ record: chosen.record === name ? "" : name, page }, { step: true });
    const row = place.list.querySelector('tr[data-number="' + record.number + '"]');
    if (row) row.querySelector("button").focus();
  }

  function renderPager(page, pages, size) {
    const step = (to, key) => el("button", { type: "button", disabled: to < 1 || to > pages, onclick: () => { choose({ page: String(to), record: "" }); place.list.focus(); place.list.scrollIntoView({ block: "nearest" }); } }, ui(key));
    const sizes = el("select", { id: "rows", onchange: (event) => choose({ rows: event.target.value }) });
    for (const n of [25, 50, 200, 1000]) sizes.append(el("option", { value: n, selected: n === size }, String(n)));
    place.pager.replaceChildren(step(page - 1, "previous"), el("span", {}, ui("page", { n: page, all: pages })), step(page + 1, "next"),
      el("label", { for: "rows" }, ui("per_page"), " ", sizes));
  }

  // ---- one rule at every site

  let pastResults = null;

  function loadHistory() {
    if (pastResults || !data.history_file) return;
    pastResults = {};
    load(data.history_file).then((content) => { pastResults = content; shownCard = null; render(); }, () => {});
  }

  let shownCard = null;

  function renderRuleCard() {
    const rule = rules.get(chosen.rule);
    const key = rule ? [rule.rule_id, chosen.site || "", language].join("~") : "";
    if (key === shownCard) return;
    shownCard = key;
    if (!rule) {
      place.card.replaceChildren();
      return;
    }
    loadHistory();
    const fact = (name, ...value) => [el("dt", {}, ui(name)), el("dd", {}, value)];
    const threshold = rule.threshold_percent === null ? ui("no_threshold") : rule.threshold_percent + " %";
    const rows = sites.filter((site) => (results.get(rule.rule_id) || new Map()).has(site)).map((site) => {
      const result = results.get(rule.rule_id).get(site);
      const past = ((pastResults || {})[rule.rule_id] || {})[site];
      return el("tr", { class: site === chosen.site ? "strong" : null },
        el("th", { scope: "row" }, el("a", { href: addressOf({ rule: rule.rule_id, site }), "aria-current": site === chosen.site ? "true" : null }, siteName(site))),
        el("td", {}, statusMark(result.status)),
        el("td", { class: "n" }, number(result.violated)), el("td", { class: "n" }, number(result.checked)), el("td", { class: "n" }, percent(result.percent)),
        el("td", { class: "sites-card" }, past ? trendOf(past, site) : ""),
        el("td", { class: "long" }, word("result_reason", result.reason)));
    });
    place.card.replaceChildren(el("section", { class: "rule-card", "aria-labelledby": "rule-title" },
      el("h3", { id: "rule-title", tabindex: "-1" }, severityMark(rule.severity), " ", rule.rule_id + " ", rule.title[side()]),
      el("div", { class: "two-columns" }, el("div", {},
      el("p", {}, rule.description[side()]),
      el("dl", { class: "facts" },
        fact("what_to_do", rule.action[side()]),
        fact("owner", word("owner", rule.owner)),
        fact("threshold", threshold, rule.threshold_reason[side()] ? " · " + rule.threshold_reason[side()] : ""),
        fact("where", word("table", rule.table_name), rule.column_name ? " · " + rule.column_name : ""),
        fact("category", word("category", rule.category) || "–"),
        fact("citation", rule.citation || "–", " · ", ui("version"), " ", rule.version || "–")),
      el("p", { class: "link" }, rule.page && [el("a", { href: rule.page }, ui("rule_page")), " · "], el("a", { href: addressOf({ site: chosen.site }) }, ui("close_rule")))),
      el("div", { class: "table sites-of-rule", role: "region", tabindex: "0", "aria-labelledby": "rule-sites" },
        el("table", {}, el("caption", { id: "rule-sites" }, ui("by_site_caption", { rule: rule.rule_id })),
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, ui("site")), el("th", { scope: "col" }, ui("status")),
            el("th", { scope: "col", class: "n" }, ui("violated")), el("th", { scope: "col", class: "n" }, ui("checked")), el("th", { scope: "col", class: "n" }, "%"),
            el("th", { scope: "col" }, ui("trend")), el("th", { scope: "col" }, ui("reason")))),
          el("tbody", {}, rows))))));
    const row = place.card.querySelector("tr.strong");
    const box = place.card.querySelector(".sites-of-rule");
    if (row) box.scrollTop = row.offsetTop - 60;
  }

  /* Percent over the deliveries as a small line, with the values as its name. */
  function trendOf(past, site) {
    const values = past.map((cell) => (cell && cell[1] && cell[2] !== "not_evaluated" && cell[2] !== "error" ? (100 * cell[0]) / cell[1] : null));
    const top = Math.max(...values.map((value) => value || 0), 1e-9);
    const width = 84, height = 22;
    const step = (width - 8) / Math.max(values.length - 1, 1);
    const x = (at) => (values.length > 1 ? 4 + step * at : width / 2);
    const y = (value) => height - 4 - ((height - 8) * value) / top;
    const label = ui("trend_of", { what: siteName(site), values: values.map((value, at) => data.snapshots[at][1] + " " + percent(value)).join("; ") });
    const picture = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, svg("title", {}, label));
    let run = [];
    const flush = () => { if (run.length > 1) picture.append(svg("polyline", { class: "line", points: run.join(" ") })); run = []; };
    values.forEach((value, at) => {
      if (value === null) flush();
      else { run.push(x(at).toFixed(1) + "," + y(value).toFixed(1)); picture.append(svg("circle", { class: "dot", cx: x(at), cy: y(value), r: at === values.length - 1 ? 2.6 : 1.2 })); }
    });
    flush();
    return picture;
  }

  // ---- one record

  function detailRow(record) {
    const rule = rules.get(record.rule_id);
    const extra = record.extra;
    const file = field(record, "file");
    const line = field(record, "line");
    const fact = (name, value) => (value === null || value === undefined || value === "" ? [] : [el("dt", {}, ui(name)), el("dd", {}, value)]);
    const pairs = (field(record, "evidence") || "").split("; ").map((part) => {
      const at = part.indexOf("=");
      return at > 0 ? [part.slice(0, at), part.slice(at + 1)] : ["", part];
    });
    const evidence = el("table", { class: "evidence" }, el("caption", { class: "vh" }, ui("evidence")),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, ui("column")), el("th", { scope: "col" }, ui("value")))),
      el("tbody", {}, pairs.map(([name, value]) => el("tr", { class: name && name === field(record, "column_name") ? "key" : null }, el("th", { scope: "row" }, name || field(record, "column_name") || ""), el("td", {}, value || el("em", {}, ui("blank")))))));
    const waiver = extra.waiver_reason ? ui("waiver_text", { reason: extra.waiver_reason, author: extra.waiver_author || "–", approved: extra.waiver_approved_by || ui("not_approved"), expires: extra.waiver_expires || "–" }) : null;
    const subject = field(record, "lesion_id");
    const patient = field(record, "patient_id");
    const slot = el("div", {}, el("p", { class: "note" }, ui("timeline_loading")));
    if (patient) showTimeline(slot, record, patient, subject);
    const others = otherFindings(record, patient, subject);
    const span = data.has_queries ? 8 : 6;
    return el("tr", { role: "row", class: "detail" }, el("td", { role: "cell", colspan: span },
      el("div", { class: "record-card" },
        el("h3", {}, severityMark(record.severity), " ", record.rule_id + " · " + subjectOf(record)),
        el("div", { class: "two-columns" },
          el("div", {},
            el("dl", { class: "facts" },
              fact("what_is_wrong", rule ? rule.message[side()] : null),
              fact("what_to_do", rule ? rule.action[side()] : null),
              fact("owner", rule ? word("owner", rule.owner) : null)),
            evidence),
          el("dl", { class: "facts" },
            fact("source_line", file ? placeOf(file, line) : null),
            fact("patient", patient), fact("lesion", subject),
            fact("form", record.form ? word("form", record.form) : null),
            fact("key", field(record, "record_key")), fact("column", field(record, "column_name")),
            fact("query", field(record, "query_id")),
            fact("state", record.state ? word("state", record.state) : null), fact("age", record.age === null ? null : number(record.age)),
            fact("first_seen", field(record, "first_seen")), fact("last_seen", field(record, "last_seen")),
            fact("resolved_at", extra.resolved_at), fact("n_reopened", extra.n_reopened), fact("before", extra.previous_evidence),
            fact("waiver", waiver), fact(extra.is_reply_earlier ? "earlier_reply" : "reply", extra.reply ? extra.reply + (extra.replied_at ? " (" + extra.replied_at + ")" : "") : null))),
        el("p", { class: "link" }, el("a", { href: addressOf(Object.assign({}, chosen, { record: nameOf(record), page: "" })) }, ui("link")),
          rule && rule.page && [" · ", el("a", { href: rule.page }, ui("rule_page"))]),
        patient && slot,
        others.length > 0 && [el("h4", {}, ui("other_findings")), el("ul", { class: "others" }, others)])));
  }

  function otherFindings(record, patient, lesion) {
    if (!patient) return [];
    return records
      .filter((other) => other !== record && !other.closed && (lesion ? field(other, "lesion_id") === lesion || (field(other, "patient_id") === patient && !field(other, "lesion_id")) : field(other, "patient_id") === patient))
      .slice(0, 20)
      .map((other) => el("li", {}, el("a", { href: addressOf({ record: nameOf(other), rule: other.rule_id, site: other.site_id }) }, other.rule_id + " " + subjectOf(other)), " ", (rules.get(other.rule_id) || { title: ["", ""] }).title[side()]));
  }

  // ---- timelines

  const timelines = new Map();

  function timelineOf(patient) {
    let file = null;
    for (const [first, name] of data.timeline_files) if (first <= patient) file = name;
    if (!file) return Promise.resolve(null);
    if (!timelines.has(file)) timelines.set(file, load(file));
    return timelines.get(file).then((content) => content[patient] || null);
  }

  function showTimeline(slot, record, patient, lesion) {
    timelineOf(patient).then((timeline) => {
      const events = timeline ? [...timeline.events, ...((lesion && timeline.lesions[lesion]) || [])].map(asEvent).sort(inOrder) : [];
      const title = lesion ? ui("timeline", { what: lesion }) : ui("timeline_patient", { what: patient });
      if (!events.length) {
        slot.replaceChildren(el("p", { class: "note" }, ui("no_timeline")));
        return;
      }
      for (const event of events) event.other = event.kind === "visit" && event.details[6] !== null && event.details[6] !== lesion;
      for (const event of events) event.here = event.form === record.form && event.key === field(record, "record_key") && (event.line === null || field(record, "line") === null || event.line === field(record, "line"));
      slot.replaceChildren(el("h4", {}, title), el("div", { class: "timeline-scroll" }, picture(events, timeline.day0)), legend(), eventTable(events, timeline.day0, lesion || patient));
    }, (error) => slot.replaceChildren(el("p", { class: "note" }, error.message)));
  }

  const ORDER = ["consent", "registration", "chemo_start", "lesion", "read", "chemo_end", "operation", "disposition", "specimen", "visit", "last_contact", "death"];

  function asEvent([day, kind, details, form, key, file, line]) {
    return { day, kind, details, form, key, file, line };
  }

  const inOrder = (a, b) => compare(a.day || "9999", b.day || "9999") || ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind);
  const dayNumber = (day) => Date.UTC(+day.slice(0, 4), +day.slice(5, 7) - 1, +day.slice(8, 10)) / 864e5;

  /* An event in words: what it was, and what came of it. `details` in the order of page_data.py. */
  function inWords(event) {
    const d = event.details;
    const joined = (...parts) => parts.filter(Boolean).join(", ");
    switch (event.kind) {
      case "read": {
        const size = d[4] === null ? word("size_status", d[5]) : d[5] === "measured" || d[5] === null ? Number(d[4]) + " mm" : word("size_status", d[5]) + " (" + Number(d[4]) + " mm)";
        const standing = d[8] === "true" ? ui("accepted") : ui("not_accepted") + (d[9] ? ": " + word("not_accepted", d[9]) : "");
        return [joined(d[0] + " " + word("timepoint", d[1]), d[6] + " (" + word("reader_role", d[7]) + ")"), joined(word("verdict", d[2]) + (d[3] ? " (" + word("reason", d[3]) + ")" : ""), size, standing)];
      }
      case "operation":
        return [joined(word("event", "operation"), ui("stage", { n: d[0], all: d[1] || "?" })), joined(word("procedure", d[2]), d[3], d[4] === "true" ? "" : ui("not_performed"))];
      case "disposition":
        return [word("event", "disposition"), joined(word("disposition", d[1]), word("reason", d[2]), d[3] ? ui("specimen_id", { what: d[3] }) : "")];
      case "specimen":
        return [ui("specimen_id", { what: d[0] || "?" }), joined(word("specimen_result", d[1]), d[2] === null ? "" : ui("viable_share", { n: Number(d[2]) }), d[3] === null ? "" : ui("trg", { n: d[3] }))];
      case "visit": {
        const found = d[3] !== "true" ? ui("no_recurrence") : d[7] === "true" ? ui("regrowth") + (d[6] ? " (" + d[6] + ")" : "") + (d[5] ? " " + d[5] : "") : ui("recurrence", { where: word("recurrence_place", d[4]) || ui("recurrence_unknown") }) + (d[5] ? " " + d[5] : "");
        return [joined(ui("visit_no", { n: d[0] }), d[1] ? ui("imaging_on", { day: d[1] }) : ""), joined(word("vital_status", d[2]), found, d[8] ? ui("later_treatment", { what: word("disposition", d[8]), day: d[9] || "" }) : "")];
      }
      case "lesion":
        return [word("event", "lesion"), joined(d[0] ? ui("segment", { what: d[0] }) : "", d[1] ? Number(d[1]) + " mm" : "")];
      case "chemo_end":
        return [word("event", "chemo_end"), d[0] ? ui("cycles", { n: d[0] }) : ""];
      case "death":
        return [word("event", "death"), word("death_cause", d[0])];
      default:
        return [word("event", event.kind), ""];
    }
  }

  function eventTable(events, day0, what) {
    const rows = events.map((event) => {
      const [name, outcome] = inWords(event);
      const days = event.day && day0 ? dayNumber(event.day) - dayNumber(day0) : null;
      const unused = event.kind === "read" && event.details[8] !== "true";
      return el("tr", { class: event.here ? "here" : unused ? "not" : null },
        el("th", { scope: "row", class: "day" }, event.day || ui("no_day")),
        el("td", { class: "n" }, days === null ? "–" : days > 0 ? "+" + days : String(days)),
        el("td", {}, name, event.here && " ← " + ui("this_record")), el("td", {}, outcome),
        el("td", {}, placeOf(event.file, event.line)));
    });
    return el("div", { class: "table", role: "region", tabindex: "0", "aria-label": ui("timeline", { what }) },
      el("table", { class: "events" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, ui("day")), el("th", { scope: "col", class: "n" }, ui("from_day0")), el("th", { scope: "col" }, ui("what")), el("th", { scope: "col" }, ui("outcome")), el("th", { scope: "col" }, ui("source_line")))),
        el("tbody", {}, rows)));
  }

  const LANES = ["CT", "MRI", "IOUS", "CEIOUS", "operation", "specimen", "followup"];

  function laneOf(event) {
    if (event.kind === "read") return event.details[0];
    if (event.kind === "operation" || event.kind === "disposition") return "operation";
    if (event.kind === "specimen") return "specimen";
    if (event.kind === "visit" || event.kind === "death" || event.kind === "last_contact") return "followup";
    return null;
  }

  /* One lane per modality and kind of event, time from left to right; marks on one day stand above
     each other. Hidden from screen readers: the table below says all of it. */
  function picture(events, day0) {
    const dated = events.filter((event) => event.day);
    if (!dated.length) return "";
    const width = 1080, left = 84, right = 26, top = 30;
    // The last contact may lie years later: it stands at the edge rather than press the rest together.
    const days = dated.filter((event) => event.kind !== "last_contact" || dated.length === 1).map((event) => dayNumber(event.day));
    const first = Math.min(...days), span = Math.max(Math.max(...days) - first, 90) * 1.04;
    const x = (day) => Math.min(left + ((dayNumber(day) - first) / span) * (width - left - right), width - right + 12);
    const marks = dated.filter(laneOf).map((event) => ({ event, lane: laneOf(event), x: x(event.day) }));
    const lanes = [...LANES, ...new Set(marks.map((mark) => mark.lane).filter((lane) => !LANES.includes(lane)))].filter((lane) => marks.some((mark) => mark.lane === lane));
    const drawing = svg("svg", { class: "timeline", "aria-hidden": "true" });
    let y = top;
    const laneLines = [];
    for (const lane of lanes) {
      const own = marks.filter((mark) => mark.lane === lane);
      const ends = [];
      for (const mark of own) {
        let level = ends.findIndex((end) => mark.x - end >= 19);
        if (level < 0) level = ends.length;
        ends[level] = mark.x;
        mark.level = level;
      }
      const height = Math.max(ends.length, 1) * 19 + 9;
      for (const mark of own) mark.y = y + 14 + mark.level * 19;
      laneLines.push(svg("line", { class: "lane", x1: 0, x2: width, y1: y + height, y2: y + height }),
        svg("text", { x: 8, y: y + 18 }, LANES.indexOf(lane) > 3 ? ui("lane_" + lane) : lane));
      y += height;
    }
    const bottom = y;
    drawing.setAttribute("viewBox", `0 0 ${width} ${bottom + 24}`);
    const start = events.find((event) => event.kind === "chemo_start" && event.day), end = events.find((event) => event.kind === "chemo_end" && event.day);
    if (start && end && end.day > start.day) {
      drawing.append(svg("rect", { class: "chemo", x: x(start.day), width: x(end.day) - x(start.day), y: top - 20, height: bottom - top + 20 }),
        svg("text", { class: "muted", x: x(start.day) + 4, y: top - 8 }, ui("chemotherapy")));
    }
    const months = span < 400 ? 1 : span < 900 ? 3 : 6;
    const begin = +dated[0].day.slice(0, 4) * 12;
    for (let month = begin; month < begin + 12 * 60; month += months) {
      const day = Math.floor(month / 12) + "-" + String((month % 12) + 1).padStart(2, "0") + "-01";
      if (dayNumber(day) > first + span) break;
      if (dayNumber(day) < first) continue;
      drawing.append(svg("line", { class: "year", x1: x(day), x2: x(day), y1: top, y2: bottom }),
        svg("text", { class: "muted", x: x(day), y: bottom + 16, "text-anchor": "middle" }, day.slice(0, 7)));
    }
    drawing.append(...laneLines);
    if (day0 && dayNumber(day0) >= first && dayNumber(day0) <= first + span) {
      drawing.append(svg("line", { class: "zero-line", x1: x(day0), x2: x(day0), y1: top - 6, y2: bottom }),
        svg("text", { x: x(day0), y: top - 10, "text-anchor": "middle" }, ui("day0")));
    }
    for (const mark of marks) drawing.append(markOf(mark));
    return drawing;
  }

  function markOf({ event, x, y }) {
    const d = event.details;
    const group = svg("g", { transform: `translate(${x.toFixed(1)} ${y})` }, svg("title", {}, event.day + " · " + inWords(event).filter(Boolean).join(" · ")));
    group.append(...shape(event.kind === "read" ? d[2] : event.kind, event));
    if (event.kind === "read") group.setAttribute("class", (d[2] === "visible" ? "visible " : "") + (d[8] === "true" ? "accepted" : ""));
    if ((event.kind === "visit" && d[3] === "true" && !event.other) || event.kind === "death") group.setAttribute("class", "alert");
    if (event.kind === "read" && d[8] === "true") group.append(svg("circle", { class: "ring", r: 8 }));
    if (event.here) group.append(svg("circle", { class: "here", r: 10.5 }));
    return group;
  }

  function shape(kind, event) {
    const circle = () => svg("circle", { class: "mark", r: 5 });
    const letter = (text) => svg("text", { class: "letter", y: 3.6 }, text);
    switch (kind) {
      case "visible":
      case "not_visible":
        return [circle()];
      case "not_evaluable":
        return [circle(), svg("path", { class: "mark", d: "M-3.5,-3.5L3.5,3.5M3.5,-3.5L-3.5,3.5" })];
      case "operation":
        return [svg("rect", { class: "mark", x: -3, y: -8, width: 6, height: 16 })];
      case "disposition":
        return [svg("rect", { class: "mark", x: -7, y: -7, width: 14, height: 14 }), letter({ resected: "R", ablated: "A", left_in_place: "L" }[event.details[1]] || "?")];
      case "specimen":
        return [svg("path", { class: "mark", d: "M0,-9L9,0L0,9L-9,0Z" }), letter({ viable_cells: "V", no_viable_cells: "N" }[event.details[1]] || "?")];
      case "visit":
        return [event.details[3] === "true" ? svg("path", { class: "mark", d: "M0,-7L7,6L-7,6Z" }) : svg("line", { class: "mark", y1: -6, y2: 6 })];
      case "death":
        return [svg("path", { class: "mark", d: "M0,-7V7M-4,-3H4" })];
      case "last_contact":
        return [svg("path", { class: "mark", d: "M-5,-5L0,0L-5,5" })];
      default:
        return [svg("line", { class: "mark", x1: -5, x2: 5 })]; // not done, missing
    }
  }

  function legend() {
    const item = (key, css, kind, details) => {
      const event = { kind, details: details || [] };
      const group = svg("g", { class: css, transform: "translate(10 10)" }, shape(kind, event));
      if (css.includes("accepted")) group.append(svg("circle", { class: "ring", r: 8 }));
      return el("li", {}, svg("svg", { class: "timeline-key", viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": "true" }, svg("g", { class: "timeline" }, group)), ui(key));
    };
    return el("ul", { class: "timeline-legend" }, item("legend_visible", "visible", "visible"), item("legend_not_visible", "", "not_visible"), item("legend_not_evaluable", "", "not_evaluable"),
      item("legend_not_done", "", "not_done"), item("legend_accepted", "accepted", "not_visible"), item("legend_disposition", "", "disposition", [null, "resected"]), item("legend_specimen", "", "specimen", [null, "viable_cells"]),
      item("legend_visit", "", "visit", []), item("legend_recurrence", "alert", "visit", [null, null, null, "true"]), item("legend_recurrence_other", "", "visit", [null, null, null, "true"]), item("legend_last_contact", "", "last_contact"), el("li", {}, ui("day0_note")));
  }

  // ---- filters of the static tables

  function buildRuleFilters() {
    const slot = document.getElementById("rule-filters");
    if (!slot) return;
    const keep = Object.fromEntries(["show", "q"].map((name) => [name, (document.getElementById("rules-" + name) || {}).value]));
    const show = el("select", { id: "rules-show", onchange: renderRulesTable }, ...SHOW.map(([code, en, ja]) => el("option", { value: code }, language === "ja" ? ja : en)));
    show.value = keep.show || "notable";
    const site = el("select", { id: "rules-site", onchange: (event) => choose({ site: event.target.value, rule: chosen.rule }, { step: true }) }, ...[["", ui("all_sites")], ...sites.map((name) => [name, siteName(name)])].map(([code, text]) => el("option", { value: code }, text)));
    const search = el("input", { type: "search", id: "rules-q", value: keep.q || "", oninput: renderRulesTable });
    slot.replaceChildren(el("div", { class: "filters" }, el("label", { for: "rules-show" }, el("span", {}, ui("status")), show), el("label", { for: "rules-site" }, el("span", {}, ui("site")), site),
      el("label", { for: "rules-q" }, el("span", {}, ui("search")), search), el("p", { class: "note", id: "rules-count", role: "status" })));
  }

  const SHOW = [
    ["notable", "With records, failed or not run", "該当あり・不合格・未実行"],
    ["all", "All rules", "全規則"],
    ["failed", "Failed or warned", "不合格・警告"],
    ["missing", "Did not run", "未実行"],
  ];
  const SHOWS = {
    all: () => true,
    notable: (found) => found.some((result) => result.violated > 0 || ["fail", "warn", "error"].includes(result.status)) || (found.length > 0 && found.every((result) => result.status === "not_evaluated")),
    failed: (found) => found.some((result) => ["fail", "warn", "error"].includes(result.status)),
    missing: (found) => found.some((result) => ["not_evaluated", "error"].includes(result.status)),
  };
  const WORST = ["error", "fail", "warn", "pass_with_rows", "not_evaluated", "pass", "not_applicable"];

  function renderRulesTable() {
    const table = document.getElementById("rules-table");
    const show = document.getElementById("rules-show");
    if (!table || !show) return;
    document.getElementById("rules-site").value = chosen.site || "";
    const wanted = document.getElementById("rules-q").value.trim().toLowerCase();
    let n = 0;
    for (const row of table.querySelectorAll("tr[data-rule]")) {
      const id = row.dataset.rule;
      const ofRule = results.get(id) || new Map();
      const found = chosen.site ? [ofRule.get(chosen.site)].filter(Boolean) : [...ofRule.values()];
      const rule = rules.get(id);
      const text = [id, ...rule.title, ...rule.description, rule.table_name, rule.column_name, rule.owner, rule.category].join(" ").toLowerCase();
      const fits = text.includes(wanted) && SHOWS[show.value](found);
      row.hidden = !fits;
      n += fits ? 1 : 0;
      const sum = (name) => found.reduce((total, result) => total + (result[name] || 0), 0);
      const checked = sum("checked");
      row.querySelector(".cell-violated").textContent = found.length ? number(sum("violated")) : "–";
      row.querySelector(".cell-checked").textContent = found.length ? number(checked) : "–";
      row.querySelector(".cell-percent").textContent = percent(checked ? (100 * sum("violated")) / checked : null);
      const worst = WORST.find((status) => found.some((result) => result.status === status)) || "not_applicable";
      row.querySelector(".cell-status").replaceChildren(statusMark(worst));
      row.querySelector("th a").setAttribute("href", addressOf({ rule: id, site: chosen.site }));
    }
    for (const body of table.tBodies) body.hidden = ![...body.querySelectorAll("tr[data-rule]")].some((row) => !row.hidden);
    document.getElementById("rules-count").textContent = ui("rules_count", { n, all: data.rules.length });
    document.getElementById("rules-for").textContent = chosen.site ? ui("shown_for", { what: siteName(chosen.site) }) : "";
  }

  function buildTableFilters() {
    for (const slot of document.querySelectorAll(".filter-place")) {
      const table = document.getElementById(slot.dataset.filter);
      const id = "filter-" + slot.dataset.filter;
      const old = document.getElementById(id);
      const box = el("input", {
        type: "search", id, value: old ? old.value : "",
        oninput: () => {
          const wanted = box.value.trim().toLowerCase();
          for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
        },
      });
      slot.replaceChildren(el("div", { class: "filters" }, el("label", { for: id }, el("span", {}, ui("search")), box)));
    }
  }

  /* A click on a sign in the strip leads to its site; by keyboard the rule's link leads to its table
     of sites. */
  function followStrip(event) {
    const strip = event.target.closest && event.target.closest(".strip-cell svg");
    if (!strip) return;
    const box = strip.getBoundingClientRect();
    const named = sites.filter((name) => name !== data.no_site);
    const site = named[Math.floor(((event.clientX - box.left) / box.width) * named.length)];
    if (site) location.hash = addressOf({ rule: strip.closest("tr").dataset.rule, site });
  }

  // ---- start

  function setLanguage(wanted) {
    language = wanted;
    document.getElementById("language-" + wanted).checked = true;
    document.documentElement.lang = wanted;
    try { localStorage.setItem("dlm-language", wanted); } catch (error) { /* no storage: not kept */ }
  }

  function rebuild() {
    shownCard = null;
    buildExplorer();
    buildRuleFilters();
    buildTableFilters();
    render();
  }

  function goTo(step) {
    const target = chosen.record ? place.list.querySelector("tr.detail") : document.getElementById(chosen.rule ? "rule-title" : "records-title");
    if (!target) return;
    const row = chosen.record ? target.previousElementSibling : target;
    row.scrollIntoView({ block: "start" });
    const focused = chosen.record ? row.querySelector("button") : target;
    if (step && focused) focused.focus({ preventScroll: true });
  }

  let kept = null;
  try { kept = localStorage.getItem("dlm-language"); } catch (error) { /* no storage */ }
  setLanguage(kept === "ja" || kept === "en" ? kept : (navigator.language || "").slice(0, 2) === "ja" ? "ja" : "en");
  const asked = readAddress() && Object.keys(chosen).length > 0;
  for (const name of ["en", "ja"]) {
    document.getElementById("language-" + name).addEventListener("change", () => { setLanguage(name); if (location.hash.includes("=")) history.replaceState(null, "", addressOf(chosen)); rebuild(); });
  }
  rebuild();
  document.addEventListener("click", followStrip);
  window.addEventListener("hashchange", () => {
    const before = language;
    if (!readAddress()) return;
    if (language !== before) rebuild();
    else render();
    if (Object.keys(chosen).length) goTo(true);
  });
  window.addEventListener("popstate", () => { if (!location.hash.includes("=")) { chosen = {}; render(); } });
  loadRecords().then(() => { if (asked) goTo(true); document.documentElement.dataset.ready = "true"; });
})();

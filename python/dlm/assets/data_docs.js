/* Data Docs: the filter "failed only", and the language chosen, kept from page to page. */
document.addEventListener("DOMContentLoaded", function () {
  "use strict";

  function kept(name) {
    try { return localStorage.getItem(name); } catch (error) { return null; }
  }
  function keep(name, value) {
    try { localStorage.setItem(name, value); } catch (error) { /* no storage: not kept */ }
  }

  const japanese = document.getElementById("language-ja");
  function setLanguage() {
    document.documentElement.lang = japanese.checked ? "ja" : "en";
    keep("dlm-language", document.documentElement.lang);
    document.querySelectorAll("input.language").forEach(function (box) { box.onchange = setLanguage; });
  }
  const wanted = kept("dlm-language") || (navigator.language || "").slice(0, 2);
  japanese.checked = wanted === "ja";
  setLanguage();

  /* What a control is for, where Great Expectations leaves it to the eye. */
  document.querySelectorAll("th .filter-control select, th .filter-control input").forEach(function (box) {
    box.setAttribute("aria-label", box.closest("th").querySelector(".th-inner").textContent.trim());
  });

  const failedOnly = document.getElementById("failed-only");
  if (!failedOnly) return;

  /* A row that passed carries a mark in its first cell; a section all of whose rows passed goes with
     its line in the contents. Tables are drawn anew when sorted, so this is done after each drawing. */
  function apply() {
    let shown = 0;
    let all = 0;
    document.querySelectorAll(".ge-section").forEach(function (section) {
      const rows = Array.from(section.querySelectorAll("tbody tr")).filter(function (row) { return row.querySelector("td .fas"); });
      rows.forEach(function (row) {
        row.hidden = failedOnly.checked && row.querySelector(".hide-succeeded-validation-target-child") !== null;
        shown += row.hidden ? 0 : 1;
      });
      all += rows.length;
      section.hidden = rows.length > 0 && rows.every(function (row) { return row.hidden; });
      const link = document.querySelector('a.ge-navigation-sidebar-link[href="#' + section.id + '"]');
      if (link) link.parentElement.hidden = section.hidden;
    });
    document.getElementById("shown-count").textContent = shown + " / " + all;
    try { sessionStorage.setItem("dlm-failed-only", String(failedOnly.checked)); } catch (error) { /* not kept */ }
  }
  try { failedOnly.checked = location.hash === "#failed" || sessionStorage.getItem("dlm-failed-only") === "true"; } catch (error) { /* not kept */ }
  document.getElementById("show-all").addEventListener("change", apply);
  failedOnly.addEventListener("change", apply);
  window.jQuery(document).on("post-body.bs.table", apply);
  apply();
});

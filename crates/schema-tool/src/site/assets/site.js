// The search: on the first page it filters what stands there, on all others it goes there. The
// words that are looked for must all be found, in any order.
(function () {
    "use strict";
    var input = document.getElementById("page:search");
    document.addEventListener("keydown", function (event) {
        var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
        if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            input.focus();
        }
    });
    var found = document.getElementById("page:found");
    if (!found) { return; }
    var items = Array.prototype.map.call(document.querySelectorAll("[data-index]"), function (item) {
        return { item: item, text: (item.dataset.index + " " + item.textContent).toLowerCase() };
    });
    var families = Array.prototype.slice.call(document.querySelectorAll(".family"));
    var index = document.querySelector(".families");

    function filter() {
        var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        var shown = 0;
        items.forEach(function (known) {
            var fits = words.every(function (word) { return known.text.indexOf(word) >= 0; });
            known.item.hidden = !fits;
            if (fits) { shown += 1; }
        });
        families.forEach(function (family) {
            family.hidden = !family.querySelector("[data-index]:not([hidden])");
        });
        if (index) { index.hidden = words.length > 0; }
        found.textContent = words.length === 0 ? "" : shown === 0
            ? "Nothing found. Search looks through names, summaries, fields, words and owners."
            : shown + " found";
    }

    input.value = new URLSearchParams(location.search).get("q") || "";
    input.addEventListener("input", filter);
    input.form.addEventListener("submit", function (event) { event.preventDefault(); filter(); });
    filter();
}());

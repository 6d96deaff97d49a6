// Evaluated in a page: what is wrong with it, where it leads, and which anchors it has.
(function () {
    "use strict";
    var complaints = [];
    var all = function (selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); };
    var root = document.documentElement;
    var is_seen = function (element) {
        var box = element.getBoundingClientRect();
        return box.width > 1 && box.height > 1 && getComputedStyle(element).visibility === "visible";
    };
    var told = function (element) { return element.outerHTML.slice(0, 120); };

    // Not the window's width: on a phone that grows with what does not fit.
    var width = root.clientWidth;
    if (root.scrollWidth > width) {
        complaints.push("wider than the screen: " + root.scrollWidth);
    }
    all("body *").filter(is_seen).forEach(function (element) {
        if (element.getBoundingClientRect().right > width + 1 && !element.closest("pre, svg")) {
            complaints.push("reaches over the edge: " + told(element));
        }
    });

    if (!root.lang) { complaints.push("no language"); }
    if (!document.title) { complaints.push("no title"); }
    ["main", "h1"].forEach(function (name) {
        if (all(name).length !== 1) { complaints.push("no " + name + ", or several"); }
    });
    all("nav").forEach(function (nav) {
        if (!nav.getAttribute("aria-label")) { complaints.push("a nav without a name"); }
    });
    var level = 0;
    all("h1, h2, h3, h4").forEach(function (heading) {
        var now = Number(heading.tagName[1]);
        if (level && now > level + 1) { complaints.push("heading h" + now + " after h" + level); }
        level = now;
    });
    all("a[href]").forEach(function (link) {
        if (!(link.textContent.trim() || link.getAttribute("aria-label"))) {
            complaints.push("link without a name: " + told(link));
        }
    });
    all("input").forEach(function (input) {
        if (!(input.labels && input.labels.length)) { complaints.push("field without a label"); }
    });
    all("img").forEach(function (image) {
        if (!image.alt) { complaints.push("no text for the picture: " + told(image)); }
    });
    all("[aria-labelledby]").forEach(function (element) {
        if (!document.getElementById(element.getAttribute("aria-labelledby"))) {
            complaints.push("named by nothing: " + told(element));
        }
    });
    var ids = all("[id]").map(function (element) { return element.id; });
    ids.forEach(function (id, place) {
        if (ids.indexOf(id) !== place) { complaints.push("id " + id + " twice"); }
    });

    // WCAG 2: 4.5 to 1, for large text 3 to 1.
    var channels = function (colour) { return (colour.match(/[\d.]+/g) || []).map(Number); };
    var luminance = function (colour) {
        var parts = channels(colour).slice(0, 3).map(function (part) {
            part /= 255;
            return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    var ground = function (element) {
        for (; element; element = element.parentElement) {
            var colour = getComputedStyle(element).backgroundColor;
            var parts = channels(colour);
            if (parts.length === 3 || parts[3] === 1) { return colour; }
        }
        return "rgb(255, 255, 255)";
    };
    all("body *").filter(is_seen).forEach(function (element) {
        var text = Array.prototype.some.call(element.childNodes, function (node) {
            return node.nodeType === 3 && node.data.trim();
        });
        if (!text || element.closest("svg, .hidden, .skip")) { return; }
        var style = getComputedStyle(element);
        var pair = [luminance(style.color), luminance(ground(element))].sort();
        var size = parseFloat(style.fontSize);
        var large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        pair.sort(function (a, b) { return a - b; });
        var contrast = (pair[1] + 0.05) / (pair[0] + 0.05);
        if (contrast < (large ? 3 : 4.5)) {
            complaints.push("contrast " + contrast.toFixed(2) + ": " + told(element));
        }
    });

    var links = all("a[href], link[rel=stylesheet]").map(function (link) {
        return link.href.baseVal ? new URL(link.href.baseVal, document.baseURI).href : link.href;
    }).filter(function (link) { return !/\.css$/.test(link); });
    var once = function (list) { return list.filter(function (item, place) { return list.indexOf(item) === place; }); };
    return { complaints: complaints.slice(0, 20), links: once(links.map(String)), ids: ids };
}())

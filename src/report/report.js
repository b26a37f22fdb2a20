"use strict";
// Sorts and filters the clusters, and enlarges faces. The page shows all its content without this script.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const named = (id) => document.getElementById(id);
  const [order, attribute, which, shown] = ["order", "attribute", "which", "shown"].map(named);
  const list = named("cluster-list");
  const cards = document.querySelector(".cards");
  const articles = all("article", list);
  const has = (element, key, value) => (element.dataset[key] || "").split(" ").includes(value);
  const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  // Sorts by decreasing size or silhouette, or by increasing number. Clusters without the value, and noise, come last.
  const sort = () => {
    const figure = (element) => {
      const text = element.dataset[order.value];
      if (element.dataset.number === "" || text === "") return Infinity;
      return order.value === "number" ? Number(text) : -Number(text);
    };
    const place = (parent) => {
      const sorted = [...parent.children].sort(
        (a, b) => figure(a) - figure(b) || Number(a.dataset.number) - Number(b.dataset.number),
      );
      parent.append(...sorted);
    };
    place(list);
    place(cards);
  };

  const filter = () => {
    const wanted = attribute.value;
    const byFace = wanted !== "" && which.value === "faces";
    which.disabled = wanted === "";
    for (const face of all(".sheet li", list)) face.hidden = byFace && !has(face, "has", wanted);
    for (const article of articles) {
      const faces = all(".sheet li", article);
      const empty = faces.length > 0 && faces.every((face) => face.hidden);
      article.hidden = byFace ? empty || faces.length === 0 : wanted !== "" && !has(article, "prominent", wanted);
    }
    for (const card of cards.children) card.hidden = named(card.dataset.of).hidden;
    for (const box of all(".extremes > div", list)) box.hidden = all("li", box).every((face) => face.hidden);
    const clusters = articles.filter((article) => !article.hidden).length;
    const faces = all("article:not([hidden]) .all-faces > li:not([hidden])", list).length;
    shown.textContent = `${clusters} of ${count(articles.length, "group")}, ${count(faces, "face")} on this page`;
  };

  const dialog = named("enlarged");
  const [picture, name, facts] = ["enlarged-picture", "enlarged-name", "enlarged-facts"].map(named);
  const [previous, next, close] = ["enlarged-previous", "enlarged-next", "enlarged-close"].map(named);
  let current = null;

  // Returns the visible faces of the list that holds the enlarged face.
  const beside = () => all("li:not([hidden]) .face", current.closest("ul"));
  const enlarge = (button) => {
    current = button;
    const face = button.closest("li");
    const image = button.querySelector("img").cloneNode();
    image.removeAttribute("title");
    // Two CSS pixels per pixel of the picture, if the window has room. A larger size would not show more detail.
    image.width = 2 * image.naturalWidth || 192;
    image.removeAttribute("height");
    picture.replaceChildren(image);
    name.textContent = image.alt;
    const names = [...attribute.options].filter((option) => option.value !== "" && has(face, "has", option.value));
    const article = button.closest("article");
    const parts = [article.querySelector("h3").textContent];
    if (face.dataset.silhouette) parts.push(`silhouette ${face.dataset.silhouette}`);
    parts.push(names.map((option) => option.textContent).join(", ") || "none of the attributes");
    facts.textContent = parts.join(" · ");
    const at = beside().indexOf(button);
    previous.disabled = at <= 0;
    next.disabled = at >= beside().length - 1;
    if (!dialog.open) dialog.showModal();
  };
  const step = (by) => {
    const button = beside()[beside().indexOf(current) + by];
    if (button) enlarge(button);
  };

  for (const image of all(".sheet img", list)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "face";
    button.setAttribute("aria-haspopup", "dialog");
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => enlarge(button));
  }
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      event.preventDefault();
      step(by);
    }
  });
  dialog.addEventListener("close", () => current.focus());

  order.addEventListener("change", sort);
  attribute.addEventListener("change", filter);
  which.addEventListener("change", filter);
  // A browser may restore earlier choices when it returns to the page, so apply them now.
  sort();
  filter();
  named("controls").hidden = false;
})();

// The contents by lecture, and a way back to them.
byId("lectures").append(...data.lectures.map(({ title, notebooks, panels, task }) => element("li", {},
  element("strong", { textContent: title }), element("br"),
  ...panels.map((id) => element("a", { href: `#${id}`, textContent: byId(`${id}-title`).textContent })),
  element("p", { className: "hint", textContent: `${task} Notebook${notebooks.includes(" ") ? "s" : ""} ${notebooks}.` }))));
for (const section of document.querySelectorAll("main > section")) {
  section.prepend(element("a", { className: "up", href: "#contents", textContent: "Contents" }));
}
setPatch();
loadDigit(data.samples[3]);

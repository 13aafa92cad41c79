// `/reference`: tabs, copying, search, and the current section in the menu.

const root = document.documentElement;
const narrow = matchMedia("(max-width: 56rem)");
root.classList.add("js");

// Tabs. The language that was chosen once is chosen everywhere.

const KEY = "lezai-reference-language";
const remembered = () => {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
};
const groups = [];

for (const block of document.querySelectorAll("[data-tabs]")) {
  const bar = block.querySelector(".bar");
  const panels = [...block.querySelectorAll("[data-tab]")];
  const names = panels.map((it) => it.dataset.tab);
  bar.setAttribute("role", "tablist");
  const tabs = [...bar.children].map((label, n) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = label.textContent;
    tab.setAttribute("role", "tab");
    label.replaceWith(tab);
    panels[n].setAttribute("role", "tabpanel");
    panels[n].setAttribute("aria-label", tab.textContent);
    return tab;
  });
  const choose = (name) => {
    const chosen = Math.max(0, names.indexOf(name));
    tabs.forEach((tab, n) => {
      tab.setAttribute("aria-selected", String(n === chosen));
      tab.tabIndex = n === chosen ? 0 : -1;
      panels[n].hidden = n !== chosen;
    });
  };
  const isLanguage = block.dataset.tabs === "language";
  const group = { choose, isLanguage };
  groups.push(group);
  const pick = (name) => {
    if (!isLanguage) return choose(name);
    const place = block.getBoundingClientRect().top;
    for (const other of groups) if (other.isLanguage) other.choose(name);
    // The blocks above may have another height now; the one looked at stays where it was.
    scrollBy({ top: block.getBoundingClientRect().top - place, behavior: "instant" });
    try {
      localStorage.setItem(KEY, name);
    } catch {
      // Then it is chosen anew on the next visit.
    }
  };
  tabs.forEach((tab, n) => {
    tab.addEventListener("click", () => pick(names[n]));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (n + step + tabs.length) % tabs.length;
      pick(names[next]);
      tabs[next].focus();
    });
  });
  choose(isLanguage ? remembered() : undefined);

  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "copy";
  copy.textContent = "Copy";
  copy.addEventListener("click", async () => {
    const panel = panels.find((it) => !it.hidden);
    const code = panel.querySelector("code") ?? panel;
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
      setTimeout(() => {
        copy.textContent = "Copy";
      }, 2000);
    } catch {
      // Without HTTPS there is no clipboard: the code is marked, to be copied by hand.
      getSelection().selectAllChildren(code);
    }
  });
  if (block.querySelector("pre")) {
    // Beside the tabs and not among them.
    const head = document.createElement("div");
    head.className = "blockhead";
    bar.replaceWith(head);
    head.append(bar, copy);
  }
}

// On a phone every call begins closed. What a link leads to is opened.

if (narrow.matches) for (const call of document.querySelectorAll("details.call")) call.open = false;

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const inside = target.matches("article, details") ? target.querySelector("summary") : target;
  for (let it = inside; it; it = it.parentElement) if (it.localName === "details") it.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
if (location.hash) reveal();

// The menu.

const nav = document.querySelector("nav");
const menu = document.getElementById("menu");
const links = new Map([...nav.querySelectorAll("#list a")].map((it) => [it.hash.slice(1), it]));
menu.hidden = false;

function toggle(open) {
  nav.classList.toggle("open", open);
  menu.setAttribute("aria-expanded", String(open));
}
menu.addEventListener("click", () => toggle(!nav.classList.contains("open")));
nav.addEventListener("click", (event) => {
  if (!event.target.closest("a")) return;
  toggle(false);
  // The link may be the one that is in the address already.
  setTimeout(reveal);
});

let current;
function mark(link) {
  if (link === current || !link) return;
  current?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  current = link;
  if (!narrow.matches) link.scrollIntoView({ block: "nearest" });
}
const sections = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
const seen = new Set();
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) isIntersecting ? seen.add(target) : seen.delete(target);
    const first = sections.find((it) => seen.has(it));
    if (first) mark(links.get(first.id));
  },
  { rootMargin: "-10% 0px -60% 0px" },
);
for (const section of sections) observer.observe(section);

// Search: by name, path, field and error code.

const search = document.getElementById("search");
const nothing = document.getElementById("nothing");
const groupsOfLinks = [...nav.querySelectorAll(".group")];
const words = new Map();
for (const [id, link] of links) {
  const target = document.getElementById(id);
  const all = target?.localName === "article" ? target.textContent : link.textContent;
  words.set(link, `${link.textContent} ${all}`.toLowerCase());
}
search.hidden = false;
search.addEventListener("input", () => {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const group of groupsOfLinks) {
    let inGroup = 0;
    for (const link of group.querySelectorAll("li a")) {
      const fits = wanted.every((it) => words.get(link).includes(it));
      link.parentElement.hidden = !fits;
      if (fits) inGroup++;
    }
    group.hidden = wanted.length > 0 && inGroup === 0;
    found += inGroup;
  }
  nothing.hidden = found > 0;
  if (narrow.matches) toggle(wanted.length > 0);
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") nav.querySelector("li:not([hidden]) a")?.click();
  if (event.key === "Escape") {
    search.value = "";
    search.dispatchEvent(new Event("input"));
  }
});
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, [contenteditable]");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
});

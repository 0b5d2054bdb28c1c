// Which part of the page is being looked at, shown in its list of parts.

export function followParts(main) {
  const links = new Map([...document.querySelectorAll(".parts a")].map((link) => [link.hash.slice(1), link]));
  const mark = (entries) => {
    for (const { target, isIntersecting } of entries) links.get(target.id).ariaCurrent = isIntersecting ? "true" : null;
  };
  const observer = new IntersectionObserver(mark, { rootMargin: "-45% 0px -54% 0px" });
  for (const section of main.querySelectorAll("section")) observer.observe(section);
}

// What a page of the book says of the source is a link on a forge, and the path of a file where the book stands alone.
(() => {
  const root = new URL(path_to_root || './', document.baseURI);
  const above = new URL('../', root).href;
  for (const link of document.querySelectorAll('main a[href]')) {
    if (link.href.startsWith(root.href) || !/^(\.\.\/)+/.test(link.getAttribute('href'))) continue;
    const path = link.href.startsWith(above) ? link.href.slice(above.length) : link.getAttribute('href').replace(/^(\.\.\/)+/, '');
    link.title = path.replace(/\.html(#|$)/, '.md$1');
    link.removeAttribute('href');
  }
})();

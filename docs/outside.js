// What a page of the book says of the source is a link on a forge, and the path of a file where the book stands alone.
(() => {
  const depth = ((path_to_root || '').match(/\.\.\//g) || []).length;
  for (const link of document.querySelectorAll('main a[href^="../"]')) {
    const up = /^(\.\.\/)+/.exec(link.getAttribute('href'))[0].length / 3;
    if (up <= depth) continue;
    link.title = link.getAttribute('href').slice(3 * up).replace(/\.html(#|$)/, '.md$1');
    link.removeAttribute('href');
  }
})();

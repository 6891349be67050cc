(function () {
  var root = document.documentElement;
  var want = 'auto';
  try {
    want = localStorage.getItem('cronium.theme') || 'auto';
  } catch {
    /* storage is off: follow the system */
  }
  var dark = want === 'dark' || (want !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  root.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
  root.style.background = dark ? '#0f1217' : '#f7f8fa';
})();

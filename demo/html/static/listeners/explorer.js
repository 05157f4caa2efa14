// Clicks of the tree over the catalogue. What a visitor opened or closed, and where the focus was,
// is the same in the next tree.
const folded = new Map();
let pressed = null;
element.addEventListener('click', (event) => {
  const branch = event.target.closest('summary')?.parentElement;
  if (branch?.dataset.key) folded.set(branch.dataset.key, !branch.open);
  const button = event.target.closest('button[data-act]');
  if (!button) return;
  pressed = button.dataset.key;
  trigger('select', { ...button.dataset });
});
watch('value', () => {
  for (const branch of element.querySelectorAll('details[data-key]')) {
    if (folded.has(branch.dataset.key)) branch.open = folded.get(branch.dataset.key);
  }
  if (pressed === null) return;
  const same = [...element.querySelectorAll('button[data-key]')].find((b) => b.dataset.key === pressed);
  same?.focus({ preventScroll: true });
  pressed = null;
});

// The browser's own list of suggestions below the box of shoppers: it narrows as somebody types, and
// what is picked there is entered at once. The box may come after this list, or anew.
const boxOf = (event) => event.target.closest?.('#shopper') && event.target;
document.addEventListener('focusin', (event) => {
  const box = boxOf(event);
  box?.setAttribute('list', 'shoppers');
  box?.setAttribute('autocomplete', 'off');
});
document.addEventListener('input', (event) => {
  const box = boxOf(event);
  const picked = !event.inputType || event.inputType === 'insertReplacementText';
  if (!box || !picked || ![...element.querySelectorAll('option')].some((o) => o.value === box.value)) return;
  const enter = { key: 'Enter', code: 'Enter', bubbles: true, cancelable: true };
  // Once gradio has read the value.
  setTimeout(() => box.dispatchEvent(new KeyboardEvent('keypress', enter)));
});

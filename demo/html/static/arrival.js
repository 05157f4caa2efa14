// What a page does when the server cannot show it at once, or has let its session go.
calrec.arrival = {
  pauses: [2, 4, 8, 16, 30],
  tries: 0,
  timer: 0,

  // One line at the window's lower edge; none without a text.
  say(text, kind = 'error') {
    let line = document.querySelector('#arrival');
    if (!line) {
      line = document.createElement('p');
      line.id = 'arrival';
      document.body.prepend(line);
    }
    line.className = `cr-notice cr-${kind}`;
    line.setAttribute('role', kind === 'error' ? 'alert' : 'status');
    line.textContent = text;
    line.hidden = !text;
  },

  failed() {
    if (calrec.arrived) return;
    const pause = this.pauses[Math.min(this.tries, this.pauses.length - 1)];
    this.tries += 1;
    this.say(`The server is busy or could not show this page; trying again in ${pause} seconds.`);
    clearTimeout(this.timer);
    // Not all that were refused together come back together.
    this.timer = setTimeout(() => this.again(), 1000 * pause * (0.75 + Math.random() / 2));
  },

  again() {
    if (calrec.arrived) return;
    this.say('Asking the server for this page again.', 'info');
    document.querySelector('#arrive-again')?.click();
    this.wait();
  },

  // Without a word of the server there is neither success nor failure.
  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (calrec.arrived) return;
      this.say('The server is busy: this page waits for its turn.', 'info');
      this.timer = setTimeout(() => this.again(), 60_000);
    }, 8_000);
  },

  arrived() {
    clearTimeout(this.timer);
    this.say('');
    if (sessionStorage.getItem('calrec-let-go')) {
      sessionStorage.removeItem('calrec-let-go');
      this.say('Others needed the room while this tab was idle: it was read back from its address.', 'info');
    }
  },

  // The address holds what the server has forgotten; a hidden tab waits until somebody looks.
  letGo() {
    const reload = () => {
      if (document.visibilityState !== 'visible' || this.leaving) return;
      this.leaving = true;
      sessionStorage.setItem('calrec-let-go', '1');
      location.reload();
    };
    document.addEventListener('visibilitychange', reload);
    reload();
  },
};
calrec.arrival.wait();

{
  const ask = window.fetch;
  window.fetch = async (...request) => {
    const answer = await ask(...request);
    if (answer.status !== 410) return answer;
    calrec.arrival.letGo();
    return new Promise(() => {}); // the page is read anew: nobody waits for this one
  };
}

// To log out is a request that other sites' pages cannot send.
document.addEventListener('submit', (event) => {
  if (!event.target.matches('.cr-logout')) return;
  const root = new URL(window.gradio_config.root, location.href).pathname.replace(/\/$/, '');
  event.target.action = `${root}/logout`;
});

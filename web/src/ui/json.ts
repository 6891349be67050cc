/** Indents JSON text without parsing it, so that every digit stays as it was written. */
export function indented(text: string): string {
  let out = '';
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '"') {
      const end = endOfText(text, i);
      out += text.slice(i, end);
      i = end - 1;
    } else if (c === '{' || c === '[') {
      const close = nextSign(text, i + 1);
      if (text.charAt(close) === (c === '{' ? '}' : ']')) {
        out += c + text.charAt(close);
        i = close;
      } else out += c + line(++depth);
    } else if (c === '}' || c === ']') out += line(--depth) + c;
    else if (c === ',') out += ',' + line(depth);
    else if (c === ':') out += ': ';
    else if (c.trim() !== '') out += c;
  }
  return out;
}

const line = (depth: number) => '\n' + '  '.repeat(depth);

function endOfText(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text.charAt(i) === '\\') i++;
    else if (text.charAt(i) === '"') return i + 1;
  }
  return text.length;
}

function nextSign(text: string, from: number): number {
  while (from < text.length && text.charAt(from).trim() === '') from++;
  return from;
}

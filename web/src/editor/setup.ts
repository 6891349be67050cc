// CodeMirror with our colours and the languages of scripts.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  StreamLanguage,
  syntaxHighlighting,
} from '@codemirror/language';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import type { Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { Language } from '../types';

export async function languageOf(name: Language): Promise<Extension> {
  switch (name) {
    case 'python':
      return [(await import('@codemirror/lang-python')).python(), indentUnit.of('    ')];
    case 'node':
      return (await import('@codemirror/lang-javascript')).javascript();
    default:
      return StreamLanguage.define((await import('@codemirror/legacy-modes/mode/shell')).shell);
  }
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: 'var(--run-text)' },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: 'var(--ok-text)' },
  { tag: [tags.comment, tags.meta], color: 'var(--text-3)', fontStyle: 'italic' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--warn-text)' },
  {
    tag: [
      tags.standard(tags.name),
      tags.definition(tags.variableName),
      tags.function(tags.variableName),
      tags.className,
    ],
    color: 'var(--accent-text)',
  },
  { tag: tags.invalid, color: 'var(--bad-text)' },
]);

const look = EditorView.theme({
  '&': {
    backgroundColor: 'var(--log-bg)',
    color: 'var(--text)',
    fontSize: '13px',
    border: '1px solid var(--border-strong)',
    borderRadius: '6px',
    overflow: 'hidden',
  },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px', fontVariantLigatures: 'none' },
  '.cm-content': { caretColor: 'var(--text)', padding: '8px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--log-bg)', color: 'var(--text-3)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': {
    backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)',
  },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--selected)',
  },
  '.cm-matchingBracket': { outline: '1px solid var(--border-strong)', backgroundColor: 'transparent' },
  '.cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--text)' },
  '.cm-changedLine': { backgroundColor: 'var(--ok-tint) !important' },
  '.cm-deletedChunk': { backgroundColor: 'var(--bad-tint) !important' },
  '.cm-collapsedLines': {
    background: 'var(--sunken)',
    color: 'var(--text-2)',
    '&::before, &::after': { content: '"…"' },
  },
  '.cm-changedText': { background: 'color-mix(in srgb, var(--ok-solid) 30%, transparent) !important' },
  '.cm-deletedText': { background: 'color-mix(in srgb, var(--bad-solid) 25%, transparent) !important' },
});

export const base: Extension = [
  lineNumbers(),
  drawSelection(),
  bracketMatching(),
  syntaxHighlighting(colours),
  look,
];

export const editing: Extension = [
  history(),
  indentOnInput(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  // Escape, then Tab leaves the editor: CodeMirror's own way out for the keyboard.
  keymap.of([indentWithTab, ...defaultKeymap, ...historyKeymap, ...searchKeymap]),
];

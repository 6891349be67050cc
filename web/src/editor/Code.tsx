import { Compartment, EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import type { Language } from '../types';
import { base, editing, languageOf } from './setup';

interface Props {
  value: string;
  language: Language;
  label: string;
  readOnly?: boolean;
  invalid?: boolean;
  onChange?: (value: string) => void;
}

export default function Code({ value, language, label, readOnly = false, invalid, onChange }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const grammar = useRef(new Compartment());
  const changed = useRef(onChange);
  useEffect(() => {
    changed.current = onChange;
  }, [onChange]);
  const opening = useRef(value);
  useEffect(() => {
    const el = host.current;
    if (!el) return;
    const v = new EditorView({
      parent: el,
      state: EditorState.create({
        doc: opening.current,
        extensions: [
          base,
          readOnly ? EditorState.readOnly.of(true) : editing,
          grammar.current.of([]),
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          EditorView.updateListener.of((u) => {
            if (u.docChanged) changed.current?.(u.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = v;
    return () => v.destroy();
  }, [readOnly, label]);
  useEffect(() => {
    let gone = false;
    void languageOf(language).then((ext) => {
      if (!gone) view.current?.dispatch({ effects: grammar.current.reconfigure(ext) });
    });
    return () => {
      gone = true;
    };
  }, [language, readOnly, label]);
  useEffect(() => {
    const v = view.current;
    if (v && v.state.doc.toString() !== value)
      v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: value } });
  }, [value]);
  return (
    <div
      ref={host}
      className="code"
      data-invalid={invalid || undefined}
      data-readonly={readOnly || undefined}
    />
  );
}

// Package web owns the dashboard: a React application built by Vite into dist and served from the binary.
//
// It promises that files under assets/ carry their hash in the name and may be kept for ever, that index.html is always
// revalidated, that every path which is not a file answers index.html (the application routes itself), and that nothing
// it serves asks another host for anything. It knows the public API only; it refuses to know who is signed in.
//
// The log viewer (src/log) is ours: raw bytes in windows with a line index, a fixed pool of rows that React never touches,
// and a scroll height that is capped and mapped because browsers clamp tall elements.
package web

// Package request describes what an HTTP job asks: the request, and what the answer
// must be like. Hubs check it when a job is put, agents fill in the inputs of a run
// and ask.
//
// Texts may hold ${{ inputs.NAME }}. The value is data wherever it comes to stand:
// it is escaped in a URL, it cannot end a header or a JSON string, and what it holds
// is not looked at again. Where it is the whole of a JSON value it keeps its type;
// at the very beginning of the URL it stands as it is, so that it may be the address.
//
// It is pure: it knows no network, no jobs and no runs.
package request

# Completion for cronium: cronium completion fish > ~/.config/fish/completions/cronium.fish
function __cronium_complete
	set -l words (commandline -opc)
	cronium __complete -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c cronium -a '(__cronium_complete)'

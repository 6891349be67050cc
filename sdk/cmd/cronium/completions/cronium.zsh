#compdef cronium
# Completion for cronium. In ~/.zshrc: source <(cronium completion zsh)
_cronium() {
	local -a found
	found=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if ((${#found} == 0)) || [[ -z ${found[1]} ]]; then
		_files
		return
	fi
	compadd -Q -- "${found[@]}"
}
compdef _cronium cronium

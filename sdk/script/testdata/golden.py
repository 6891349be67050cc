import json


def step(function, *args):
    try:
        result = {"value": function(*args)}
    except cronium.Error as problem:
        result = {"error": {"code": problem.code, "title": problem.title, "detail": problem.detail, "hint": problem.hint}}
    print(json.dumps(result), end="\0")


TEXT = "ünï \"quoted\" 'single' \\ back\nline\ttab $HOME `id` %s 🐘 \u2028 \u2029 \u0001 end"

step(lambda: cronium.run.run_id)

step(cronium.input, "count")
step(cronium.input, "missing", "none")
step(cronium.input, "missing")
step(cronium.inputs)

step(cronium.get_variable, "missing")
step(cronium.get_variable, "missing", "none")
for name in "int zero safe beyond huge float large yes no empty text digits list object".split():
    step(cronium.get_variable, name)

step(cronium.set_variable, "x", None)
step(cronium.set_variable, "x", 42)
step(cronium.set_variable, "x", 9007199254740993)
step(cronium.set_variable, "x", 2.5)
step(cronium.set_variable, "x", False)
step(cronium.set_variable, "x", "")
step(cronium.set_variable, "x", TEXT)
step(cronium.set_variable, "x", [1, "two", None, (3.5, {"vier": -123456789012345678901234567890}), [], {}])

step(cronium.compare_and_set, "leader", None, "a")
step(cronium.compare_and_set, "leader", "b", {"who": "c"})

step(cronium.increment, "n")
step(cronium.increment, "n", -5)
step(cronium.increment, "n", 0.5)
step(cronium.increment, "n", 9007199254740993)

step(cronium.secret, "token")
step(cronium.secret, "absent")

step(cronium.increment, "text")
step(cronium.get_variable, "../x")

step(cronium.output, {"rows": 3, "files": ["a.csv", "ü.csv"], "ratio": 0.1})
step(cronium.update_output, "seen at", [True, None])
step(cronium.output, "plain")
step(cronium.update_output, "k", "v")

step(cronium.condition, True)
step(cronium.condition, False)
step(cronium.progress, 0.5, "half ✓")
step(cronium.progress, None)
step(cronium.progress, 1)
step(cronium.log.debug, "d")
step(cronium.log.info, 'i "ü"\nsecond line')
step(cronium.log.warn, "w")
step(cronium.log.error, "e")
step(cronium.keep_alive)

with open("report.csv", "wb") as file:
    file.write("näme,rows\n\"a\",3\n".encode())
open("empty", "wb").close()
step(cronium.artifact, "report ü.csv", "report.csv")
step(cronium.artifact, "empty", "empty")
step(cronium.artifact, "../x", "empty")
step(cronium.artifact, "damaged", "empty")
step(cronium.get_artifact, "theirs", "theirs.bin", "r_1")
step(cronium.artifact, "again", "theirs.bin")
step(cronium.get_artifact, "none", "none.bin")
step(cronium.artifacts)
step(cronium.artifacts, "r_1")

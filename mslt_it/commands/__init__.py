"""The commands of `mslt`. A command's module is imported when it is called."""

# command -> (module that declares it, one line)
COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("mslt_it.commands.train", "build the data, train the adapter, score every language"),
    "data": ("mslt_it.commands.data", "build the training data and print the report, without training"),
    "tasks": ("mslt_it.commands.tasks", "list the tasks, or show one: labels, languages, source of rows, prompts"),
    "recipes": ("mslt_it.commands.recipes", "list the recipes, scales and tasks"),
    "select": ("mslt_it.commands.select", "rank sets of source languages, before you label or train"),
    "eval": ("mslt_it.commands.eval", "score models and adapters in many languages and prompting strategies"),
    "merge": ("mslt_it.commands.merge", "merge a run's adapter into its base, checked against the live one"),
    "combine": ("mslt_it.commands.combine", "combine several runs' adapters into one, exactly or to a rank; score it"),
    "export": ("mslt_it.commands.export", "export a run for other programs: safetensors, vLLM, GGUF; or to a hub"),
    "predict": ("mslt_it.commands.predict", "label the rows of a file with a finished run"),
    "study": ("mslt_it.commands.study", "train every set of source languages of a pool, as a resumable study"),
    "report": ("mslt_it.commands.report", "one HTML page for a run or a study: tables, figures, findings"),
    "world": ("mslt_it.commands.world", "show sentences of the embedded world"),
    "completion": ("mslt_it.commands.completion", "print a completion script for bash or zsh"),
}

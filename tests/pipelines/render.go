// Renders a template of Helm with the engine that Helm has, and the functions that the template uses.
//
//	go run render.go TEMPLATE VALUES.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"text/template"
)

var functions = template.FuncMap{"quote": strconv.Quote}

func main() {
	values := map[string]any{}
	text, err := os.ReadFile(os.Args[2])
	if err == nil {
		err = json.Unmarshal(text, &values)
	}
	if err == nil {
		var parsed *template.Template
		if parsed, err = template.New(os.Args[1]).Funcs(functions).Option("missingkey=error").ParseFiles(os.Args[1]); err == nil {
			data := map[string]any{"Values": values, "Release": map[string]any{"Name": "platform"}}
			err = parsed.Templates()[0].Execute(os.Stdout, data)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

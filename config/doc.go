// Package config reads the station's configuration: typed, strict TOML.
//
// # How data moves through it
//
//	file → tree with lines → typed values (flag > environment > file > default) → checks between keys → Config
//
// Everything that is wrong is reported at once, each with file and line and
// what is allowed. Unknown keys, sections and ABHOLSTATION_ variables are
// refused. After a syntax error reading goes on with the next line; what is
// missing and what does not fit together is then not reported, since the rest
// of it may be in the unreadable part.
//
// Precedence is decided in one function (decoder.source): a flag wins over the
// environment, the environment over the file, the file over the default. The
// sections that exist once can be set so, by key ("store.path",
// ABHOLSTATION_STORE_PATH); lists of banks, compartments and the like are for
// the file only. A value that is overridden is not looked at.
//
// # What it never does
//
// It opens no device and no file but its own, knows neither the domain nor the
// runtime (cmd turns a Config into their options), and never guesses: what it
// cannot understand is an error, not a default.
package config

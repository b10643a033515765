# lme4 (and pbkrtest) on one data set: waits for "run K", times K calls, answers with a JSON line.
suppressMessages({library(lme4); library(pbkrtest)})
given <- commandArgs(TRUE)
kind <- given[1]; form <- as.formula(given[2]); folder <- given[3]
fewest <- 100

read <- function(folder) {
  lines <- readLines(file.path(folder, "schema.txt"))
  n <- as.integer(lines[1]); frame <- list()
  for (line in lines[-1]) {
    part <- strsplit(line, " ")[[1]]
    path <- file.path(folder, paste0(part[1], ".", part[2]))
    frame[[part[1]]] <- if (part[2] == "i4") readBin(path, "integer", n) else readBin(path, "double", n)
  }
  as.data.frame(frame)
}
answer <- function(...) { cat(sprintf(...), "\n", sep = ""); flush(stdout()) }
quiet <- function(work) suppressWarnings(suppressMessages(work))
seconds <- function() as.numeric(Sys.time())
numbers <- function(v) paste(sprintf("%.12g", v), collapse = ", ")

warm <- data.frame(g = rep(1:20, each = 15), x = sin(1:300), y = cos((1:300)^2) + rep(sin(1:20), each = 15))
for (k in 1:2) quiet(lmer(y ~ x + (1 | g), warm))
data <- read(folder)
if (kind == "refits") {
  outcomes <- data[paste0("y_", seq_len(fewest))]
  data <- data[!grepl("^y_", names(data))]
}
if (kind == "df") {
  model <- quiet(lmer(form, data))
  rows <- diag(length(fixef(model)))
}

once <- function() {
  begin <- seconds()
  if (kind == "fit") {
    made <- quiet(lmer(form, data))
    list(seconds() - begin, REMLcrit(made))
  } else if (kind == "refits") {
    made <- lapply(outcomes, function(y) { data$y <- y; quiet(lmer(form, data)) })
    list((seconds() - begin) / fewest, vapply(made, REMLcrit, 0))
  } else {
    adjusted <- quiet(vcovAdj(model)); plain <- vcov(model)
    made <- apply(rows, 1, function(row) ddf_Lb(adjusted, row, plain))
    list(seconds() - begin, made)
  }
}

answer('{"versions": {"R": "%s", "lme4": "%s", "pbkrtest": "%s"}}', getRversion(),
       packageVersion("lme4"), packageVersion("pbkrtest"))
input <- file("stdin"); open(input)
while (length(line <- readLines(input, 1)) > 0) {
  calls <- as.integer(strsplit(line, " ")[[1]][2]); times <- numeric(calls)
  for (k in seq_len(calls)) { found <- once(); times[k] <- found[[1]] }
  answer('{"seconds": [%s], "values": [%s]}', numbers(times), numbers(found[[2]]))
}

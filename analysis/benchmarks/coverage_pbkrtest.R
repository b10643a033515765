# Kenward-Roger by pbkrtest on the outcomes that coverage_pbkrtest.py draws:
#   Rscript coverage_pbkrtest.R DATA.csv RESULT.csv
suppressMessages({library(lme4); library(pbkrtest)})
paths <- commandArgs(TRUE)
frame <- read.csv(paths[1])
outcomes <- grep("^y", names(frame), value = TRUE)
control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e6),
                       check.conv.singular = "ignore", calc.derivs = FALSE)
rows <- lapply(outcomes, function(name) {
  x <- frame[[paste0("x", sub("y([0-9]+)_.*", "\\1", name))]]
  m <- lmer(y ~ x + (1 | unit), data.frame(y = frame[[name]], x = x, unit = frame$unit),
            control = control)
  V <- vcovAdj(m)
  data.frame(name = name, estimate = fixef(m)[[2]], std_error = sqrt(V[2, 2]),
             df = Lb_ddf(c(0, 1), vcov(m), V), theta = getME(m, "theta")[[1]])
})
write.csv(do.call(rbind, rows), paths[2], row.names = FALSE)
cat(R.version.string, "; lme4", as.character(packageVersion("lme4")), "; pbkrtest",
    as.character(packageVersion("pbkrtest")))

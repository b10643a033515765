# Values of single-level analyses that the file single_level.json does not hold. Run from the top of
# the checkout: Rscript tests/reference/single_level_more.R
# Packages: sandwich, lmtest, lme4, jsonlite.
suppressMessages({library(sandwich); library(lmtest); library(lme4)})
folder <- "tests/reference"
read <- function(name) read.csv(file.path(folder, "data", paste0(name, ".csv")))
entries <- list()
add <- function(id, data, call, values, rtol = 1e-8)
  entries[[length(entries) + 1]] <<- list(id = id, dataset = list(paste0("data/", data, ".csv")),
    r_call = call, values = values, tolerance = list(default = list(rtol = rtol)))
bare <- function(...) unname(as.numeric(unlist(list(...))))

# Two groups whose difference is large: the noncentral t of their standardised difference.
noncentrality <- function(t, v, p) uniroot(function(c) pt(t, v, c) - p, t + c(-4, 4),
  extendInt = "downX", tol = 1e-13)$root
two_groups <- function(id, data, outcome, group) {
  d <- read(data)
  x <- split(d[[outcome]], d[[group]])
  student <- t.test(x[[1]], x[[2]], var.equal = TRUE)
  welch <- t.test(x[[1]], x[[2]])
  ranks <- wilcox.test(x[[1]], x[[2]], exact = FALSE)
  v <- student$parameter
  unit <- sqrt(sum(1 / lengths(x)))
  add(id, data, "t.test; wilcox.test(exact=FALSE); uniroot(function(c) pt(t, df, c) - p)", list(
    outcome = outcome, group = group,
    welch = bare(welch$statistic, welch$parameter, welch$p.value, welch$conf.int),
    student = bare(student$statistic, v, student$p.value, student$conf.int),
    wilcoxon = bare(ranks$statistic, ranks$p.value),
    cohen_d = bare(student$statistic * unit, noncentrality(student$statistic, v, 0.975) * unit,
                   noncentrality(student$statistic, v, 0.025) * unit)))
}
two_groups("two_groups_exam", "Exam", "normexam", "sex")
two_groups("two_groups_seatbelts", "Seatbelts", "DriversKilled", "law")
two_groups("two_groups_males", "Males", "wage", "union")

# The same people twice, and one sample against a value; d_av with the root mean square of both s.
within_people <- function(id, data, first, second, value) {
  d <- read(data)
  x <- d[[first]]
  y <- d[[second]]
  n <- sum(!is.na(x - y))
  alone <- sum(!is.na(x))
  whole <- function(test, ranks) list(
    student = bare(test$statistic, test$parameter, test$p.value), interval = bare(test$conf.int),
    wilcoxon = bare(ranks$statistic, ranks$p.value))
  size <- function(t, v, unit) {
    J <- exp(lgamma(v / 2) - lgamma((v - 1) / 2)) / sqrt(v / 2)
    three <- bare(t, noncentrality(t, v, 0.975), noncentrality(t, v, 0.025)) * unit
    list(d = three, g = three * J)
  }
  both <- !is.na(x - y)
  test <- t.test(x, y, paired = TRUE)
  average <- sqrt((var(x[both]) + var(y[both])) / 2)
  one <- t.test(x, mu = value)
  add(id, data, "t.test(paired=TRUE); t.test(mu=); wilcox.test(exact=FALSE); uniroot(function(c) pt(t, df, c) - p)",
    list(first = first, second = second, value = value, n = c(n, alone),
      paired = c(whole(test, wilcox.test(x, y, paired = TRUE, exact = FALSE)),
                 list(z = size(test$statistic, n - 1, 1 / sqrt(n)),
                      av = size(test$statistic, n - 1, sd((x - y)[both]) / sqrt(n) / average))),
      one_sample = c(whole(one, wilcox.test(x, mu = value, exact = FALSE)),
                     list(z = size(one$statistic, alone - 1, 1 / sqrt(alone))))))
}
within_people("paired_attitude", "attitude", "rating", "complaints", 65)
within_people("paired_far_apart", "attitude", "critical", "advance", 65)
within_people("paired_bfi", "bfi", "A2", "A3", 4.75)

d <- read("attitude")
p <- apply(combn(names(d), 2), 2, function(two) cor.test(d[[two[1]]], d[[two[2]]])$p.value)
add("false_discovery", "attitude", "p.adjust(p, 'fdr')", list(p = p, fdr = p.adjust(p, "fdr")))

# Newey and West with prewhitening and automatic lags; RESET.
serial <- function(id, formula) {
  m <- lm(formula, read("Seatbelts"))
  se <- function(...) bare(sqrt(diag(NeweyWest(m, ...))))
  add(id, "Seatbelts", "sandwich::NeweyWest(m, lag=, prewhite=, adjust=)", list(
    formula = deparse1(formula), default = se(), automatic = se(prewhite = FALSE),
    prewhitened_lag4 = se(lag = 4), prewhitened_lag0_adjusted = se(lag = 0, adjust = TRUE),
    lags = floor(c(bwNeweyWest(m), bwNeweyWest(m, prewhite = 0)))))
}
serial("serial_drivers", log(drivers) ~ law + PetrolPrice + log(kms))
serial("serial_front", front ~ rear + law + t)
serial("serial_van", VanKilled ~ law + t)

# Durbin and Watson's p values; of the exact ones only those that lmtest can compute. Its default of
# 15 iterations is not enough without an intercept.
watson <- function(id, data, formula, exact = TRUE) {
  m <- lm(formula, read(data))
  p <- function(exact) sapply(c("greater", "two.sided", "less"), function(side)
    dwtest(m, alternative = side, exact = exact, iterations = 100)$p.value)
  add(id, data, "lmtest::dwtest(m, alternative=, exact=TRUE|FALSE, iterations=100)", list(
    formula = deparse1(formula), statistic = bare(dwtest(m)$statistic), default = dwtest(m, iterations = 100)$p.value, fifteen = dwtest(m)$p.value,
    normal = bare(p(FALSE)), exact = if (exact) bare(p(TRUE))))
}
watson("watson_attitude", "attitude", rating ~ complaints + critical)
watson("watson_raises", "attitude", rating ~ raises + learning)
watson("watson_no_intercept", "attitude", advance ~ 0 + critical + privileges)
watson("watson_van", "Seatbelts", VanKilled ~ law + t, exact = FALSE)
watson("watson_dyestuff", "Dyestuff2", Yield ~ 1)

reset <- function(id, data, formula) {
  test <- resettest(lm(formula, read(data)))
  add(id, data, "lmtest::resettest(lm(...), power=2:3)", list(
    formula = deparse1(formula), reset = bare(test$statistic, test$parameter, test$p.value)))
}
reset("reset_attitude", "attitude", rating ~ complaints + critical + advance)
reset("reset_exam", "Exam", normexam ~ standLRT + sex)
reset("reset_no_intercept", "attitude", rating ~ 0 + raises + learning)
reset("reset_seatbelts", "Seatbelts", front ~ rear + law + t)

# Shares of successes, with the number of trials as weights.
shares <- function(id, formula) {
  d <- transform(read("cbpp"), period = factor(period))
  m <- glm(formula, binomial, d, weights = size, control = glm.control(epsilon = 1e-14, maxit = 100))
  s <- summary(m)$coefficients
  add(id, "cbpp", "glm(incidence/size ~ ..., binomial, weights=size)", list(
    right = deparse1(formula[[3]]), estimate = bare(s[, 1]), std_error = bare(s[, 2]),
    p_value = bare(s[, 4]), log_likelihood = bare(logLik(m)), aic = AIC(m), bic = BIC(m),
    deviance = deviance(m), null_deviance = m$null.deviance, hat = max(hatvalues(m)),
    cooks_distance = max(cooks.distance(m)), studentised = max(abs(rstudent(m))),
    HC0 = bare(sqrt(diag(vcovHC(m, "HC0")))), HC3 = bare(sqrt(diag(vcovHC(m, "HC3")))),
    CR1 = bare(sqrt(diag(vcovCL(m, d$herd, type = "HC0")))),
    profile = unname(suppressMessages(confint(m, level = 0.95)))), 1e-6)
}
shares("shares_period", incidence / size ~ period)
shares("shares_herd", incidence / size ~ period + I(herd > 7))

# Likelihood-ratio tests, one of them of a random intercept against none.
ratio <- function(id, data, small, large, family, fit) {
  d <- read(data)
  test <- lrtest(fit(small, d), fit(large, d))
  add(id, data, "lmtest::lrtest(small, large)", list(
    small = deparse1(small), large = deparse1(large), family = family,
    log_likelihoods = bare(test$LogLik), parameters = bare(test$`#Df`),
    test = bare(test$Chisq[2], abs(test$Df[2]), test$`Pr(>Chisq)`[2])), 1e-7)
}
general <- function(family) function(f, d) glm(f, family, d, control = glm.control(epsilon = 1e-14))
ratio("ratio_attitude", "attitude", rating ~ complaints, rating ~ complaints + learning + raises,
      "gaussian", lm)
ratio("ratio_ticks", "grouseticks", TICKS ~ cHEIGHT, TICKS ~ YEAR + cHEIGHT, "poisson",
      function(f, d) general("poisson")(f, transform(d, YEAR = factor(YEAR))))
d <- read("Exam")
one <- lm(normexam ~ standLRT, d)
two <- lmer(normexam ~ standLRT + (1 | school), d, REML = FALSE, control = lmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-3, rhoend = 1e-11)))
test <- anova(two, one)
add("ratio_schools", "Exam", "anova(lmer(REML=FALSE), lm)", list(
  small = "normexam ~ standLRT", large = "normexam ~ standLRT + (1 | school)", family = "gaussian",
  log_likelihoods = bare(test$logLik), parameters = bare(test$npar),
  test = bare(test$Chisq[2], test$Df[2], test$`Pr(>Chisq)`[2])), 1e-7)

# Tests of correlations, pairwise complete; the partial ones by the formula of ppcor::pcor.test.
tested <- function(id, data, names) {
  d <- read(data)[names]
  pairs <- combn(names, 2, simplify = FALSE)
  one <- function(method) lapply(pairs, function(p) {
    both <- d[complete.cases(d[p]), p]
    test <- suppressWarnings(cor.test(both[[1]], both[[2]], method = method, exact = FALSE))
    bare(test$estimate, test$p.value, if (method != "spearman") test$statistic)
  })
  partial <- function(method) {
    whole <- d[complete.cases(d), ]
    r <- cov2cor(solve(cor(whole, method = method)))
    lapply(pairs, function(p) {
      estimate <- -r[p[1], p[2]]
      df <- nrow(whole) - length(names)
      t <- estimate * sqrt(df / (1 - estimate^2))
      c(estimate, 2 * pt(-abs(t), df), t)
    })
  }
  add(id, data, "cor.test(x, y, method=, exact=FALSE); 2 * pt(-abs(t), n - 2 - k)", list(
    names = names, pearson = one("pearson"), spearman = one("spearman"), kendall = one("kendall"),
    partial_pearson = partial("pearson"), partial_spearman = partial("spearman")))
}
tested("correlations_attitude", "attitude", c("rating", "complaints", "privileges", "critical", "advance"))
tested("correlations_bfi", "bfi", c("A1", "A2", "C5", "age"))

jsonlite::write_json(list(topic = "single_level_more", made_by = "single_level_more.R",
  R = R.version.string, packages = list(sandwich = as.character(packageVersion("sandwich")),
  lmtest = as.character(packageVersion("lmtest")), lme4 = as.character(packageVersion("lme4"))), entries = entries),
  file.path(folder, "single_level_more.json"), auto_unbox = TRUE, digits = NA, pretty = FALSE)

# Values of clustered designs, domains, lonely strata and calibration of them from R. Run from the
# top of the checkout: Rscript tests/reference/clustered_survey.R
# Packages: survey, jsonlite.
suppressMessages(library(survey))
folder <- "tests/reference"
d <- read.csv(file.path(folder, "data", "apistrat.csv"))
d$stype <- factor(d$stype, levels = c("E", "H", "M"))
d$units <- c(E = 400, H = 120, M = 150)[as.character(d$stype)]
entries <- list()
add <- function(id, call, values, rtol = 1e-8)
  entries[[length(entries) + 1]] <<- list(id = id, dataset = list("data/apistrat.csv"), r_call = call,
    values = values, tolerance = list(default = list(rtol = rtol)))
both <- function(x) list(est = unname(as.numeric(coef(x))), se = unname(as.numeric(SE(x))))

plain <- svydesign(id = ~dnum, strata = ~stype, weights = ~pw, data = d, nest = TRUE)
finite <- svydesign(id = ~dnum, strata = ~stype, weights = ~pw, fpc = ~units, data = d, nest = TRUE)
few <- subset(finite, meals > 60)
wide <- svyglm((sch.wide == "Yes") ~ ell + meals, finite, family = quasibinomial(),
               control = glm.control(epsilon = 1e-14, maxit = 100))
count <- svyglm(enroll ~ ell + meals, finite, family = quasipoisson(),
                control = glm.control(epsilon = 1e-14, maxit = 100))
jack <- as.svrepdesign(finite, type = "JKn")
add("clusters", "svydesign(id=~dnum, strata=~stype, weights=~pw, fpc=~units, nest=TRUE)", list(
  degf = degf(plain), mean_without_fpc = both(svymean(~api00, plain)),
  mean = both(svymean(~api00 + enroll, finite)), total = both(svytotal(~enroll, finite)),
  ratio = both(svyratio(~api.stu, ~enroll, finite)),
  by = both(svyby(~api00, ~stype + awards, finite, svymean)),
  domain = both(svymean(~api00, few)), domain_total = both(svytotal(~enroll, few)),
  share = as.numeric(c(svyciprop(~I(awards == "Yes"), few), confint(svyciprop(~I(awards == "Yes"), few)))),
  linear = both(svyglm(api00 ~ ell + meals, finite)), domain_linear = both(svyglm(api00 ~ ell, few)),
  logistic = both(wide), poisson = both(count),
  independence = as.numeric(svychisq(~sch.wide + awards, finite)$p.value),
  jackknife = both(svymean(~api00, jack)), jackknife_ratio = both(svyratio(~api.stu, ~enroll, jack)),
  jackknife_logistic = both(svyglm((sch.wide == "Yes") ~ ell, jack, family = quasibinomial(),
                control = glm.control(epsilon = 1e-14, maxit = 100))),
  quantile = as.numeric(svyquantile(~api00, few, 0.5)[[1]])), rtol = 1e-7)

d$row <- seq_len(nrow(d))
taken <- ave(d$row, d$stype, d$dnum, FUN = length)
d$schools <- ifelse(taken == 1, 1, 3 * taken)
twice <- svydesign(id = ~dnum + row, strata = ~stype, weights = ~pw, fpc = ~units + schools, data = d,
                   nest = TRUE)
add("two_stages", "svydesign(id=~dnum+row, strata=~stype, weights=~pw, fpc=~units+schools, nest=TRUE)", list(
  mean = both(svymean(~api00 + enroll, twice)), total = both(svytotal(~enroll, twice)),
  domain = both(svymean(~api00, subset(twice, meals > 60))),
  linear = both(svyglm(api00 ~ ell, twice)),
  post = both(svymean(~api00, postStratify(twice, ~awards, data.frame(awards = c("No", "Yes"),
                                                                      Freq = c(2027, 4167)))))))

d$own <- as.character(d$stype)
d$own[1] <- "alone"
lonely <- list()
for (how in c("remove", "adjust", "average")) {
  options(survey.lonely.psu = how)
  lonely[[how]] <- both(svymean(~api00, svydesign(id = ~1, strata = ~own, weights = ~pw, data = d)))
}
add("lonely", "options(survey.lonely.psu=); svydesign(id=~1, strata=~own, weights=~pw)", lonely)

cells <- data.frame(stype = rep(c("E", "H", "M"), 2), awards = rep(c("No", "Yes"), each = 3),
                    Freq = c(1200, 450, 430, 3221, 305, 588))
post <- postStratify(finite, ~stype + awards, cells)
greg <- calibrate(finite, ~awards + api99, c(`(Intercept)` = 6194, awardsYes = 4167, api99 = 3914069))
add("calibrated_clusters", "postStratify(finite, ~stype+awards, cells); calibrate(finite, ~awards+api99)", list(
  cells = as.list(setNames(cells$Freq, paste(cells$stype, cells$awards, sep = ":"))),
  post = both(svymean(~api00, post)), post_ratio = both(svyratio(~api.stu, ~enroll, post)),
  greg = both(svymean(~api00, greg)), greg_by = both(svyby(~api00, ~stype, greg, svymean)),
  greg_linear = both(svyglm(api00 ~ meals, greg))))

jsonlite::write_json(list(topic = "clustered_survey", made_by = "clustered_survey.R", R = R.version.string,
  packages = list(survey = as.character(packageVersion("survey"))), entries = entries),
  file.path(folder, "clustered_survey.json"), auto_unbox = TRUE, digits = NA, pretty = FALSE)

# Values for estimators side by side, Mundlak's test and joint robust tests from R. Run from the top
# of the checkout:
#   Rscript tests/reference/side_by_side.R
# Packages: lme4, pbkrtest, plm, clubSandwich, jsonlite.
suppressMessages({library(lme4); library(pbkrtest); library(plm); library(clubSandwich)})
folder <- "tests/reference"
read_data <- function(name) {
  frame <- read.csv(file.path(folder, "data", paste0(name, ".csv")))
  meta <- jsonlite::fromJSON(file.path(folder, "data", paste0(name, ".meta.json")),
                             simplifyVector = FALSE)
  for (column in meta$columns) if (!is.null(column$levels))
    frame[[column$name]] <- factor(frame[[column$name]], levels = unlist(column$levels))
  frame
}
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e6))
entries <- list()
add <- function(id, dataset, call, values, tolerance = list(rtol = 1e-6, p = list(rtol = 1e-5)))
  entries[[length(entries) + 1]] <<- list(id = id, dataset = list(paste0("data/", dataset, ".csv")),
    r_call = call, values = values, tolerance = tolerance)

# Mundlak: lmer with group means, Wald chi-square of the means, F of Kenward and Roger
mundlak <- function(id, dataset, frame, formula, means) {
  large <- lmer(formula, frame, control = tight)
  small <- update(large, as.formula(paste(". ~ . -", paste(means, collapse = " - "))))
  b <- fixef(large); at <- match(means, names(b)); V <- as.matrix(vcov(large))[at, at, drop = FALSE]
  test <- KRmodcomp(large, small)
  kr <- sapply(c("Fstat", "ddf", "p.value"), function(what) getKR(test, what))
  add(id, dataset, deparse(formula), list(fixef = unname(b), se = unname(sqrt(diag(as.matrix(vcov(large))))),
    chisq = drop(t(b[at]) %*% solve(V, b[at])), df = length(at), f = kr[[1]], f_df = kr[[2]],
    f_p = kr[[3]]))
}
grunfeld <- read_data("Grunfeld")
for (x in c("value", "capital")) grunfeld[[paste0(x, "_m")]] <- ave(grunfeld[[x]], grunfeld$firm)
mundlak("mundlak_grunfeld", "Grunfeld", grunfeld,
  inv ~ value + capital + value_m + capital_m + (1 | firm), c("value_m", "capital_m"))
exam <- read_data("Exam")
exam$girl <- as.numeric(exam$sex == levels(exam$sex)[2])
exam$mixed <- as.numeric(exam$schgend == levels(exam$schgend)[1])
for (x in c("standLRT", "girl")) exam[[paste0(x, "_m")]] <- ave(exam[[x]], exam$school)
mundlak("mundlak_exam", "Exam", exam,
  normexam ~ standLRT + girl + schgend + standLRT_m + girl_m + (1 | school),
  c("standLRT_m", "girl_m"))
mundlak("mundlak_exam_slope", "Exam", exam,
  normexam ~ standLRT + standLRT_m + (standLRT | school), "standLRT_m")

# plm on groups of different sizes
p <- pdata.frame(transform(exam, pupil = ave(seq_along(school), school, FUN = seq_along)),
                 index = c("school", "pupil"))
panel <- lapply(c(pooling = "pooling", within = "within", random = "random"), function(model) {
  m <- plm(normexam ~ standLRT + girl + mixed, p, model = model)
  se <- sqrt(diag(vcovHC(m, method = "arellano", type = "sss", cluster = "group")))
  made <- list(coef = as.list(coef(m)), cluster_arellano_sss_se = as.list(se))
  if (model == "random") made$sigma2 <- as.list(ercomp(m)$sigma2)
  made
})
add("panel_exam", "Exam", "plm(normexam ~ standLRT + girl + mixed, index = school), swar", panel,
    tolerance = list(rtol = 1e-7))

# joint tests with a robust covariance: approximate Hotelling's T-squared
htz <- function(id, dataset, frame, formula, terms) {
  m <- lmer(formula, frame, control = tight)
  at <- match(terms, names(fixef(m)))
  values <- lapply(c(CR0 = "CR0", CR2 = "CR2"), function(type) {
    w <- Wald_test(m, vcov = vcovCR(m, type = type), constraints = constrain_zero(at), test = "HTZ")
    list(f = w$Fstat, df = w$df_num, df_denominator = w$df_denom, p = w$p_val)
  })
  add(id, dataset, deparse(formula), c(list(terms = at), values))
}
htz("htz_exam", "Exam", exam, normexam ~ standLRT * schgend + sex + (standLRT | school),
    c("schgendboys", "schgendgirls", "standLRT:schgendboys", "standLRT:schgendgirls"))
htz("htz_orthodont", "Orthodont", read_data("Orthodont"), distance ~ age * Sex + (age | Subject),
    c("SexFemale", "age:SexFemale"))
htz("htz_sleepstudy", "sleepstudy", read_data("sleepstudy"), Reaction ~ Days + (Days | Subject),
    c("(Intercept)", "Days"))

packages <- c("lme4", "pbkrtest", "plm", "clubSandwich")
made <- list(topic = "side_by_side", made_by = "side_by_side.R", R = R.version.string,
  packages = setNames(lapply(packages, function(p) as.character(packageVersion(p))), packages),
  entries = entries)
jsonlite::write_json(made, file.path(folder, "side_by_side.json"), digits = NA, auto_unbox = TRUE,
                     pretty = 1)

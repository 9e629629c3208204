# Oracle files for the survival marts, made by R's survival package; R is not needed to run the tests.
#
#   Rscript tests/oracle/make_survival_oracles.R        (in the project's folder)
#
# Public data: lung, veteran, aml and colon of the survival package, and Freireich's 6-MP trial
# (Blood 1963;21:699-716, remission times in weeks). `ties` is drawn here: few distinct times, day 0, five groups.
# Synthetic trials `random1` to `random3` have two, two and four groups in three strata.
# Writes to tests/oracle/survival: subjects.csv (dataset, grp, stratum, time, event), curve.csv, summary.csv,
# comparison.csv and stratified.csv; competing_subjects.csv (dataset, grp, time, outcome: 0 censored, 1 the event, 2
# the competing one) and incidence.csv, by prodlim and, for the standard error where nobody is left, survival; and
# model_subjects.csv with models.csv, Cox models of several covariates and their test of proportional hazards.

suppressPackageStartupMessages({
  library(survival)
  library(prodlim)
})
out <- file.path("tests", "oracle", "survival")
dir.create(out, showWarnings = FALSE, recursive = TRUE)
level <- 0.95

subjects_of <- function(dataset, grp, time, event, stratum = "all") {
  keep <- !is.na(time) & !is.na(event) & !is.na(grp) & !is.na(stratum)
  data.frame(
    dataset, grp = as.character(grp), stratum = as.character(stratum), time, event = as.integer(event)
  )[keep, ]
}

deaths <- subset(colon, etype == 2)
freireich <- data.frame(
  time = c(
    6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35,
    1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23
  ),
  event = c(rep(1, 9), rep(0, 12), rep(1, 21)),
  grp = rep(c("6-MP", "placebo"), each = 21)
)
set.seed(1527)
tied <- data.frame(
  time = sample(0:12, 90, replace = TRUE),
  event = rbinom(90, 1, 0.6),
  grp = sample(c("a", "b", "c", "d", "e"), 90, replace = TRUE)
)

random_trial <- function(dataset, seed, size, groups) {
  set.seed(seed)
  grp <- sample(letters[seq_len(groups)], size, replace = TRUE)
  stratum <- sample(c("x", "y", "z"), size, replace = TRUE)
  time <- floor(rexp(size, 1 / (30 + 20 * match(grp, letters) + 25 * match(stratum, c("x", "y", "z")))))
  subjects_of(dataset, grp, time, rbinom(size, 1, 0.7), stratum)
}

subjects <- rbind(
  subjects_of("lung", lung$sex, lung$time, lung$status - 1),
  subjects_of("veteran", veteran$trt, veteran$time, veteran$status, veteran$celltype),
  subjects_of("veteran_cells", veteran$celltype, veteran$time, veteran$status),
  subjects_of("aml", aml$x, aml$time, aml$status),
  subjects_of("colon", deaths$rx, deaths$time, deaths$status, deaths$node4),
  subjects_of("freireich", freireich$grp, freireich$time, freireich$event),
  subjects_of("ties", tied$grp, tied$time, tied$event),
  random_trial("random1", 11, 60, 2),
  random_trial("random2", 12, 500, 2),
  random_trial("random3", 13, 150, 4)
)

curves <- list()
summaries <- list()
comparisons <- list()
stratified <- list()
# R ends where the likelihood changes by less than 1e-9, a step too soon for an oracle: started again from there, it
# takes one more step of Newton's. (A smaller eps has it halve steps that only rounding makes look wrong.)
cox_of <- function(formula, data) {
  model <- coxph(formula, data = data, ties = "efron")
  coxph(formula, data = data, ties = "efron", init = coef(model))
}
for (dataset in unique(subjects$dataset)) {
  data <- subjects[subjects$dataset == dataset, ]
  horizon <- min(tapply(data$time, data$grp, max))
  landmark <- floor(horizon / 2)
  for (grp in sort(unique(data$grp))) {
    own <- data[data$grp == grp, ]
    reverse <- survfit(Surv(time, 1 - event) ~ 1, data = own, conf.type = "none")
    for (conf_type in c("log", "log-log")) {
      fit <- survfit(
        Surv(time, event) ~ 1, data = own, conf.type = conf_type, conf.int = level
      )
      key <- data.frame(dataset, grp, conf_type)
      curves[[length(curves) + 1]] <- data.frame(
        key,
        time = fit$time, n_risk = fit$n.risk, n_event = fit$n.event, n_censor = fit$n.censor,
        survival = fit$surv, std_err = ifelse(fit$surv > 0, fit$surv * fit$std.err, NA),
        ci_lower = fit$lower, ci_upper = fit$upper
      )
      median <- quantile(fit, 0.5)
      at <- summary(fit, times = landmark, extend = TRUE)
      mean <- survival:::survmean(survfit0(fit), rmean = horizon)$matrix
      summaries[[length(summaries) + 1]] <- data.frame(
        key,
        n = fit$n, events = sum(fit$n.event),
        median = median$quantile, median_lower = median$lower, median_upper = median$upper,
        landmark, survival_at = at$surv, lower_at = at$lower, upper_at = at$upper,
        horizon, rmst = mean[["rmean"]], rmst_std_err = mean[["se(rmean)"]],
        followup_median = quantile(reverse, 0.5, conf.int = FALSE)
      )
    }
  }
  test <- survdiff(Surv(time, event) ~ grp, data = data)
  df <- length(test$n) - 1
  cox <- c(beta = NA, std_err = NA)
  if (df == 1) {
    model <- cox_of(Surv(time, event) ~ factor(grp), data)
    cox <- c(beta = unname(coef(model)), std_err = sqrt(vcov(model)[1, 1]))
  }
  comparisons[[length(comparisons) + 1]] <- data.frame(
    dataset, n_groups = df + 1, chi2 = test$chisq, df,
    p_value = pchisq(test$chisq, df, lower.tail = FALSE),
    log_hazard_ratio = cox[["beta"]], std_err = cox[["std_err"]]
  )
  if (length(unique(data$stratum)) > 1) {
    test <- survdiff(Surv(time, event) ~ grp + strata(stratum), data = data)
    cox <- c(beta = NA, std_err = NA)
    if (df == 1) {
      model <- cox_of(Surv(time, event) ~ factor(grp) + strata(stratum), data)
      cox <- c(beta = unname(coef(model)), std_err = sqrt(vcov(model)[1, 1]))
    }
    stratified[[length(stratified) + 1]] <- data.frame(
      dataset, n_groups = df + 1, chi2 = test$chisq, df,
      p_value = pchisq(test$chisq, df, lower.tail = FALSE),
      log_hazard_ratio = cox[["beta"]], std_err = cox[["std_err"]]
    )
  }
}

competing_trial <- function(dataset, seed, size, longest) {
  set.seed(seed)
  data.frame(
    dataset, grp = sample(c("a", "b"), size, replace = TRUE), time = sample(0:longest, size, replace = TRUE),
    outcome = sample(0:2, size, replace = TRUE, prob = c(0.4, 0.35, 0.25))
  )
}
competing <- rbind(
  with(mgus2, data.frame(
    dataset = "mgus2", grp = as.character(sex), time = ifelse(pstat == 1, ptime, futime),
    outcome = ifelse(pstat == 1, 1, 2 * death)
  )),
  competing_trial("ties", 21, 80, 12),
  competing_trial("long", 22, 300, 900),
  competing_trial("few", 23, 9, 5)
)
incidences <- list()
for (dataset in unique(competing$dataset)) {
  for (grp in c(sort(unique(competing$grp[competing$dataset == dataset])))) {
    own <- competing[competing$dataset == dataset & competing$grp == grp, ]
    fit <- prodlim(Hist(time, outcome) ~ 1, data = own)
    states <- survfit(Surv(time, factor(outcome, 0:2)) ~ 1, data = own)
    std_err <- fit$se.cuminc[["1"]]
    std_err[is.na(std_err)] <- states$std.err[match(fit$time, states$time), 2][is.na(std_err)]
    incidences[[length(incidences) + 1]] <- data.frame(
      dataset, grp, time = fit$time, n_risk = fit$n.risk, n_censor = fit$n.lost,
      incidence = fit$cuminc[["1"]], incidence_competing = fit$cuminc[["2"]], std_err
    )
  }
}

# The approximate test of Grambsch and Therneau (1994), which R's cox.zph made until survival 3.0 and lifelines makes.
proportional <- function(model, time, event) {
  at <- rank(sort(time[event == 1]))
  centred <- at - mean(at)
  residuals <- residuals(model, "scaledsch")
  residuals <- as.matrix(residuals) - rep(coef(model), each = nrow(as.matrix(residuals)))
  drop(crossprod(centred, residuals))^2 / (sum(event) * diag(vcov(model)) * sum(centred^2))
}
covariates <- list(
  veteran = with(veteran, data.frame(time, event = status, karno = karno, age = age, prior = prior / 10)),
  lung = with(lung, na.omit(data.frame(time, event = status - 1, sex, age, ph.ecog, wt.loss)))
)
model_subjects <- list()
models <- list()
for (dataset in names(covariates)) {
  data <- covariates[[dataset]]
  model <- cox_of(Surv(time, event) ~ ., data)
  names <- setdiff(names(data), c("time", "event"))
  for (name in names) {
    model_subjects[[length(model_subjects) + 1]] <- data.frame(
      dataset, subject = seq_len(nrow(data)), time = data$time, event = data$event, term = name, value = data[[name]]
    )
  }
  models[[length(models) + 1]] <- data.frame(
    dataset, term = names, log_hazard_ratio = coef(model), std_err = sqrt(diag(vcov(model))),
    ph_chi2 = proportional(model, data$time, data$event)
  )
}

save <- function(table, name) {
  for (column in names(table)) {
    if (is.numeric(table[[column]])) {
      table[[column]] <- ifelse(
        is.na(table[[column]]), "", formatC(table[[column]], digits = 17, format = "g", width = 1)
      )
    }
  }
  connection <- file(file.path(out, name), open = "wb")
  write.csv(table, connection, row.names = FALSE, quote = FALSE)
  close(connection)
}
save(subjects, "subjects.csv")
save(do.call(rbind, curves), "curve.csv")
save(do.call(rbind, summaries), "summary.csv")
save(do.call(rbind, comparisons), "comparison.csv")
save(do.call(rbind, stratified), "stratified.csv")
save(competing, "competing_subjects.csv")
save(do.call(rbind, incidences), "incidence.csv")
save(do.call(rbind, model_subjects), "model_subjects.csv")
save(do.call(rbind, models), "models.csv")

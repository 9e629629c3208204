# Oracle files for the survival marts, made by R's survival package; R is not needed to run the tests.
#
#   Rscript tests/oracle/make_survival_oracles.R        (in the project's folder)
#
# Public data: lung, veteran, aml and colon of the survival package, and Freireich's 6-MP trial
# (Blood 1963;21:699-716, remission times in weeks). `ties` is drawn here: few distinct times, day 0, five groups.
# Writes to tests/oracle/survival: subjects.csv (dataset, grp, time, event), curve.csv, summary.csv, comparison.csv.

suppressPackageStartupMessages(library(survival))
out <- file.path("tests", "oracle", "survival")
dir.create(out, showWarnings = FALSE, recursive = TRUE)
level <- 0.95

subjects_of <- function(dataset, grp, time, event) {
  keep <- !is.na(time) & !is.na(event) & !is.na(grp)
  data.frame(dataset, grp = as.character(grp), time, event = as.integer(event))[keep, ]
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

subjects <- rbind(
  subjects_of("lung", lung$sex, lung$time, lung$status - 1),
  subjects_of("veteran", veteran$trt, veteran$time, veteran$status),
  subjects_of("veteran_cells", veteran$celltype, veteran$time, veteran$status),
  subjects_of("aml", aml$x, aml$time, aml$status),
  subjects_of("colon", deaths$rx, deaths$time, deaths$status),
  subjects_of("freireich", freireich$grp, freireich$time, freireich$event),
  subjects_of("ties", tied$grp, tied$time, tied$event)
)

curves <- list()
summaries <- list()
comparisons <- list()
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
    model <- coxph(
      Surv(time, event) ~ factor(grp), data = data, ties = "efron",
      control = coxph.control(eps = 1e-15, toler.chol = 1e-16, iter.max = 100)
    )
    cox <- c(beta = unname(coef(model)), std_err = sqrt(vcov(model)[1, 1]))
  }
  comparisons[[length(comparisons) + 1]] <- data.frame(
    dataset, n_groups = df + 1, chi2 = test$chisq, df,
    p_value = pchisq(test$chisq, df, lower.tail = FALSE),
    log_hazard_ratio = cox[["beta"]], std_err = cox[["std_err"]]
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

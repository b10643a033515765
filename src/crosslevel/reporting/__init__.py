"""How a study is shown: tables, figures and pages."""
